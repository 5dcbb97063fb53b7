import Containers
import Engine
import Images
import Tensors
import Tokenizers

/// Sees what a vision tower computes: the name of the stage and its rows, once for each picture.
package typealias VisionObserver = (_ name: String, _ rows: Activations) -> Void

/// A vision tower: patches of pictures in, rows for the language model out.
package protocol VisionModel: Sendable {
  /// Width of its output, the hidden size of the language model.
  var outputWidth: Int { get }
  /// Side, in patches, of the square that becomes one token.
  var mergeSize: Int { get }

  /// The tokens of all pictures, one after another: [tokens, output width].
  ///
  /// Throws `mismatch` for patches of another width, `unsupported` for grids that are no still picture.
  func encode(_ patches: Patches, compute: Compute, observer: VisionObserver?) throws(CheckpointError) -> Activations
}

/// A prompt whose picture tokens have been written out.
package struct PicturePrompt: Sendable {
  /// Token ids; each picture is as many image tokens as it has merged patches.
  package let tokens: [Int32]
  /// Their positions along time, row and column.
  package let positions: Positions
  /// The pictures' patches; none for a prompt of text.
  package let patches: Patches
  /// Where picture tokens stand in `tokens`, in the order of the pictures.
  package let pictureTokens: [Range<Int>]

  /// Writes out a prompt in which every picture is one image token.
  ///
  /// - Throws: `mismatch` when there are more or fewer image tokens than pictures.
  package init(_ prompt: [Int32], imageToken: Int32, patches: Patches, mergeSize: Int) throws(CheckpointError) {
    let places = prompt.count { $0 == imageToken }
    guard places == patches.grids.count else {
      throw CheckpointError(
        .mismatch,
        "the prompt has room for \(counted(places, "picture")) (<|image_pad|>), and \(patches.grids.count) "
          + (patches.grids.count == 1 ? "is given" : "are given"))
    }
    var tokens: [Int32] = []
    var axes: [[Int32]] = [[], [], []]
    var pictureTokens: [Range<Int>] = []
    var next: Int32 = 0
    var picture = 0
    for token in prompt {
      guard token == imageToken else {
        tokens.append(token)
        for axis in 0..<3 { axes[axis].append(next) }
        next += 1
        continue
      }
      let grid = patches.grids[picture]
      let (rows, columns) = (Int32(grid.rows / mergeSize), Int32(grid.columns / mergeSize))
      picture += 1
      let start = tokens.count
      for row in 0..<rows {
        for column in 0..<columns {
          tokens.append(imageToken)
          axes[0].append(next)
          axes[1].append(next + row)
          axes[2].append(next + column)
        }
      }
      pictureTokens.append(start..<tokens.count)
      // Text goes on behind the longer side, not behind the number of tokens.
      next += max(rows, columns)
    }
    self.tokens = tokens
    self.positions = Positions(axes: axes)
    self.patches = patches
    self.pictureTokens = pictureTokens
  }
}

/// The eyes of an opened model: preparation of pictures, vision tower, and the token that stands for a picture.
package struct PictureReader: Sendable {
  package let tower: any VisionModel
  package let preprocessing: Preprocessing
  package let imageToken: Int32
  /// The file the tower lies in.
  package let path: String
  /// Which projector is used, and what speaks against it.
  package let notes: [String]
  private let opened: OpenedModel
  private let source: Checkpoint

  /// The tower of a folder, or of the projector file of a GGUF: the one at `vision`, else the one that lies beside it.
  ///
  /// - Throws: `missing` when the model has no eyes or its projector is not found, `mismatch` and `unsupported` for one of
  ///   another model.
  package init(_ opened: OpenedModel, vision: String? = nil) throws(CheckpointError) {
    let checkpoint = opened.checkpoint
    var source = checkpoint
    if checkpoint.format == .gguf {
      let file = if let vision { vision } else { try ProjectorFile.beside(checkpoint) }
      source = try Containers.open(file)
      guard source.metadata.string("general.architecture") == "clip" else {
        throw CheckpointError(
          .mismatch,
          "this is no projector: general.architecture is \(Architectures.claimed(source)), and clip is wanted",
          file: source.path)
      }
    } else if let vision {
      throw CheckpointError(
        .mismatch, "the model is a folder with eyes of its own; a projector goes with a GGUF", file: vision)
    }
    let architecture = try Architectures.open(checkpoint, vision: checkpoint.format == .gguf ? source : nil)
    let isProjector = checkpoint.format == .gguf
    if isProjector { try ProjectorMatch.checkNames(of: source, architecture.rules) }
    notes = isProjector ? [ProjectorMatch.note(text: checkpoint, projector: source)] : []
    guard let tower = try architecture.visionModel(source) else {
      throw CheckpointError(.missing, "the model has no vision tower, so it reads no pictures", file: checkpoint.path)
    }
    self.tower = tower
    let stored = checkpoint.folder?.preprocessorConfig ?? architecture.preprocessorJSON(mmproj: source.metadata)
    preprocessing = if let stored { try Preprocessing(json: stored) } else { Preprocessing() }
    guard preprocessing.mergeSize == tower.mergeSize else {
      throw CheckpointError(
        .mismatch, "merge_size is \(preprocessing.mergeSize), and the vision tower merges \(tower.mergeSize)",
        file: source.path)
    }
    guard let token = opened.tokenizer.id(of: "<|image_pad|>") else {
      throw CheckpointError(.missing, "the tokenizer has no <|image_pad|>", file: checkpoint.path)
    }
    imageToken = token
    path = source.path
    self.source = source
    self.opened = opened
  }

  /// An error of logits that are not numbers, with the place of the damage where the tower is what is damaged.
  package func explained(_ error: CheckpointError) -> CheckpointError {
    LogitCheck.explained(error, by: source)
  }

  /// A prompt with pictures from files.
  ///
  /// `raw` takes the prompt as it is, with one `<|image_pad|>` for each picture; otherwise it becomes one user turn, and pictures
  /// without a place in it come first.
  package func prompt(_ text: String, raw: Bool, pictures: [String]) throws(CheckpointError) -> PicturePrompt {
    try prompt(text, raw: raw, patches: preprocessing.patches(ofFiles: pictures))
  }

  /// A prompt with pictures that have been prepared.
  package func prompt(_ text: String, raw: Bool, patches: Patches) throws(CheckpointError) -> PicturePrompt {
    var text = text
    if !raw, !text.contains("<|image_pad|>") {
      text = String(repeating: "<|vision_start|><|image_pad|><|vision_end|>", count: patches.grids.count) + text
    }
    let tokens = try opened.promptTokens(text, raw: raw)
    do throws(CheckpointError) {
      return try PicturePrompt(tokens, imageToken: imageToken, patches: patches, mergeSize: tower.mergeSize)
    } catch {
      throw error.in(file: opened.name)
    }
  }

  /// What the language model reads: the prompt's embeddings, those of picture tokens replaced by what the tower saw.
  package func embeddings(_ prompt: PicturePrompt, compute: Compute, observer: VisionObserver? = nil)
    throws(CheckpointError) -> Activations
  {
    let result = try opened.model.embed(prompt.tokens)
    guard !prompt.pictureTokens.isEmpty else { return result }
    let seen = try tower.encode(prompt.patches, compute: compute, observer: observer)
    guard seen.columns == result.columns else {
      throw CheckpointError(
        .mismatch, "the vision tower hands over rows of \(seen.columns), the text model reads \(result.columns)",
        file: path)
    }
    var row = 0
    for range in prompt.pictureTokens {
      result.replace(from: range.lowerBound, by: seen, row..<row + range.count)
      row += range.count
    }
    return result
  }
}
