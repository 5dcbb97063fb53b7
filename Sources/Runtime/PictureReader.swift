import Architectures
import Base
import Containers
import Engine
import Images
import Tokenizers

/// The eyes of an opened model: preparation of pictures, vision tower, and the token that stands for a picture.
package struct PictureReader: Sendable {
  package let tower: any VisionModel
  package let preprocessing: Preprocessing
  package private(set) var imageToken: Int32
  /// The file the tower lies in.
  package let path: String
  /// Which projector is used, and what speaks against it.
  package let notes: [String]
  private var opened: OpenedModel
  private let source: Checkpoint

  /// The tower of a folder, or of the projector file of a GGUF: the one at `vision`, else the one that lies beside it.
  ///
  /// - Throws: `missing` when the model has no eyes or its projector is not found, `mismatch` and `unsupported` for one of
  ///   another model.
  package init(_ opened: OpenedModel, vision: String? = nil) throws(CheckpointError) {
    let checkpoint = opened.checkpoint
    if checkpoint.format == .gguf {
      let file = if let vision { vision } else { try ProjectorFile.beside(checkpoint) }
      try self.init(opened, projector: Containers.open(file))
      return
    }
    if let vision {
      throw CheckpointError(
        .mismatch, "the model is a folder with eyes of its own; a projector goes with a GGUF", file: vision)
    }
    guard let own = try PictureReader(own: opened) else {
      throw CheckpointError(.missing, "the model has no vision tower, so it reads no pictures", file: checkpoint.path)
    }
    self = own
  }

  /// The projector that was named with a model, the tower of a folder, or the projector that lies beside a GGUF; nil where there is none.
  package init?(own opened: OpenedModel) throws(CheckpointError) {
    let checkpoint = opened.checkpoint
    if let projector = opened.projector {
      try self.init(opened, projector: projector)
    } else if checkpoint.format == .gguf {
      guard let file = try ProjectorFile.found(beside: checkpoint) else { return nil }
      try self.init(opened, projector: Containers.open(file))
    } else {
      let architecture = try Architectures.open(checkpoint)
      guard let tower = try architecture.visionModel(checkpoint) else { return nil }
      try self.init(opened, tower: tower, of: checkpoint, architecture)
    }
  }

  /// The tower of a projector file, for any text model that its rows fit.
  package init(_ opened: OpenedModel, projector source: Checkpoint) throws(CheckpointError) {
    guard ProjectorFile.isOne(source) else {
      throw CheckpointError(
        .mismatch,
        "this is no projector: general.architecture is \(Architectures.claimed(source)), and clip is wanted",
        file: source.path)
    }
    let architecture = try Architectures.open(opened.checkpoint, vision: source)
    try ProjectorMatch.checkNames(of: source, architecture.rules)
    guard let tower = try architecture.visionModel(source) else {
      throw CheckpointError(.missing, "the file has no vision tower", file: source.path)
    }
    try self.init(opened, tower: tower, of: source, architecture)
  }

  private init(
    _ opened: OpenedModel, tower: any VisionModel, of source: Checkpoint, _ architecture: any Architecture
  ) throws(CheckpointError) {
    let isProjector = ProjectorFile.isOne(source)
    notes = isProjector ? [ProjectorMatch.note(text: opened.checkpoint, projector: source)] : []
    self.tower = tower
    let stored = source.folder?.preprocessorConfig ?? architecture.preprocessorJSON(mmproj: source.metadata)
    preprocessing = if let stored { try Preprocessing(json: stored) } else { Preprocessing() }
    guard preprocessing.mergeSize == tower.mergeSize else {
      throw CheckpointError(
        .mismatch, "merge_size is \(preprocessing.mergeSize), and the vision tower merges \(tower.mergeSize)",
        file: source.path)
    }
    imageToken = try Self.imageToken(opened)
    path = source.path
    self.source = source
    self.opened = opened
  }

  /// The same eyes for another text model, whose rows are as wide.
  package func eyes(of other: OpenedModel) throws(CheckpointError) -> PictureReader {
    guard tower.outputWidth == other.model.hiddenSize else {
      throw CheckpointError(
        .mismatch,
        "the vision tower hands over rows of \(tower.outputWidth), the text model \(other.name) reads "
          + "\(other.model.hiddenSize)", file: path)
    }
    return PictureReader(self, other, imageToken: try Self.imageToken(other))
  }

  private init(_ reader: PictureReader, _ opened: OpenedModel, imageToken: Int32) {
    self = reader
    self.imageToken = imageToken
    self.opened = opened
  }

  private static func imageToken(_ opened: OpenedModel) throws(CheckpointError) -> Int32 {
    guard let token = opened.tokenizer.id(of: "<|image_pad|>") else {
      throw CheckpointError(.missing, "the tokenizer has no <|image_pad|>", file: opened.checkpoint.path)
    }
    return token
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
    let tokens = try opened.promptTokens(raw ? text : Self.placed(text, pictures: patches.grids.count), raw: raw)
    do throws(CheckpointError) {
      return try PicturePrompt(tokens, imageToken: imageToken, patches: patches, mergeSize: tower.mergeSize)
    } catch {
      throw error.in(file: opened.name)
    }
  }

  /// A text in which pictures have a place: in front of it, unless it has one.
  package static func placed(_ text: String, pictures: Int) -> String {
    if text.contains("<|image_pad|>") { return text }
    return String(repeating: "<|vision_start|><|image_pad|><|vision_end|>", count: pictures) + text
  }

  /// What the language model reads: the prompt's embeddings, those of picture tokens replaced by what the tower saw.
  package func embeddings(_ prompt: PicturePrompt, compute: Compute, observer: VisionObserver? = nil)
    throws(CheckpointError) -> Activations
  {
    guard !prompt.pictureTokens.isEmpty else { return try opened.model.embed(prompt.tokens) }
    let seen = try tower.encode(prompt.patches, compute: compute, observer: observer)
    do throws(CheckpointError) {
      return try prompt.embeddings(of: opened.model, seen: seen)
    } catch {
      throw error.in(file: path)
    }
  }
}
