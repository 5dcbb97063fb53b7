import Architectures
import Base
import Containers
import Engine
import Images
import Tokenizers

/// What reads pictures for an opened model: their preparation, the vision encoder, and the token that stands for a picture.
package struct PictureReader: Sendable {
  package let encoder: any VisionEncoder
  package let preprocessing: Preprocessing
  /// What a prompt writes where a picture is to be seen.
  private let markup: PictureMarkup
  package private(set) var imageToken: Int32
  /// The file the encoder lies in.
  package let path: String
  /// Which projector is used, and what speaks against it.
  package let notes: [String]
  private var opened: OpenedModel
  /// The checkpoint the encoder lies in.
  package let source: Checkpoint
  /// The rules of its tensors.
  package let rules: [TensorRule]

  /// The encoder of a folder, or of the projector file of a GGUF: the one at `vision`, else the one that lies beside it.
  ///
  /// - Throws: `missing` when the model has no vision encoder or its projector is not found, `mismatch` and `unsupported` for one of
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
        .mismatch, "the model is a folder with a vision encoder of its own; a projector goes with a GGUF", file: vision)
    }
    guard let own = try PictureReader(own: opened) else {
      throw CheckpointError(.missing, "the model has no vision encoder, so it reads no pictures", file: checkpoint.path)
    }
    self = own
  }

  /// The projector that was named with a model, the encoder of a folder, or the projector that lies beside a GGUF; nil where there is
  /// none.
  package init?(own opened: OpenedModel) throws(CheckpointError) {
    let checkpoint = opened.checkpoint
    if let projector = opened.projector {
      try self.init(opened, projector: projector)
    } else if checkpoint.format == .gguf {
      guard let file = try ProjectorFile.found(beside: checkpoint) else { return nil }
      try self.init(opened, projector: Containers.open(file))
    } else {
      guard let encoder = try opened.architecture.visionEncoder(checkpoint) else { return nil }
      try self.init(opened, encoder, of: checkpoint, opened.architecture)
    }
  }

  /// The encoder of a projector file, for any text model that its rows fit.
  package init(_ opened: OpenedModel, projector source: Checkpoint) throws(CheckpointError) {
    guard ProjectorFile.isOne(source) else {
      throw CheckpointError(
        .mismatch,
        "this is not a projector: general.architecture is \(Architectures.claimed(source)), and clip is wanted",
        file: source.path)
    }
    let architecture = try opened.architecture.seeing(through: source, besides: opened.checkpoint)
    try ProjectorMatch.checkNames(of: source, architecture.rules)
    guard let encoder = try architecture.visionEncoder(source) else {
      throw CheckpointError(.missing, "the file has no vision encoder", file: source.path)
    }
    try self.init(opened, encoder, of: source, architecture)
  }

  private init(
    _ opened: OpenedModel, _ encoder: any VisionEncoder, of source: Checkpoint, _ architecture: any Architecture
  ) throws(CheckpointError) {
    let isProjector = ProjectorFile.isOne(source)
    notes = isProjector ? [ProjectorMatch.note(text: opened.checkpoint, projector: source)] : []
    self.encoder = encoder
    if let stored = source.folder?.preprocessorConfig {
      preprocessing = try Preprocessing(json: stored, over: architecture.preprocessing(Metadata()) ?? Preprocessing())
    } else {
      preprocessing = architecture.preprocessing(source.metadata) ?? Preprocessing()
      try preprocessing.check("preprocessor_config.json")
    }
    guard preprocessing.mergeSize == encoder.mergeSize else {
      throw CheckpointError(
        .mismatch, "merge_size is \(preprocessing.mergeSize), and the vision encoder merges \(encoder.mergeSize)",
        file: source.path)
    }
    (markup, imageToken) = try Self.markup(opened)
    path = source.path
    self.source = source
    rules = architecture.rules
    self.opened = opened
  }

  /// The same reader for another text model, whose rows are as wide.
  package func reader(for other: OpenedModel) throws(CheckpointError) -> PictureReader {
    guard encoder.outputWidth == other.model.hiddenSize else {
      throw CheckpointError(
        .mismatch,
        "the vision encoder hands over rows of \(encoder.outputWidth), the text model \(other.name) reads "
          + "\(other.model.hiddenSize)", file: path)
    }
    var copy = self
    copy.imageToken = try Self.markup(other).token
    copy.opened = other
    return copy
  }

  private static func markup(_ opened: OpenedModel) throws(CheckpointError) -> (PictureMarkup, token: Int32) {
    guard let markup = type(of: opened.architecture).picture else {
      throw CheckpointError(.unsupported, "the model's family reads no pictures", file: opened.checkpoint.path)
    }
    guard let token = opened.tokenizer.id(of: markup.token) else {
      throw CheckpointError(.missing, "the tokenizer has no \(markup.token)", file: opened.checkpoint.path)
    }
    return (markup, token)
  }

  /// An error of logits that are not numbers, with the place of the damage where the vision encoder is what is damaged.
  package func explained(_ error: CheckpointError) -> CheckpointError {
    LogitCheck.explained(error, by: source)
  }

  /// A prompt with pictures from files.
  ///
  /// `raw` takes the prompt as it is, with one image token for each picture; otherwise it becomes one user turn, and pictures
  /// without a place in it come first.
  package func prompt(_ text: String, raw: Bool, pictures: [String]) throws(CheckpointError) -> PicturePrompt {
    try prompt(text, raw: raw, patches: preprocessing.patches(ofFiles: pictures))
  }

  /// A prompt with pictures that have been prepared.
  package func prompt(_ text: String, raw: Bool, patches: Patches) throws(CheckpointError) -> PicturePrompt {
    let written =
      raw ? text : try ChatFormat.userTurn(placed(text, pictures: patches.grids.count), for: opened.checkpoint)
    let tokens = try opened.promptTokens(markup.writtenOut(written), raw: true)
    do throws(CheckpointError) {
      return try PicturePrompt(
        tokens, imageToken: imageToken, markup, patches: patches, mergeSize: encoder.mergeSize)
    } catch {
      throw error.in(file: opened.name)
    }
  }

  /// A text in which pictures have a place: in front of it, unless it has one.
  package func placed(_ text: String, pictures: Int) -> String {
    markup.placed(text, pictures: pictures)
  }

  /// What the language model reads: the prompt's embeddings, those of picture tokens replaced by what the encoder saw.
  package func input(_ prompt: PicturePrompt, compute: Compute, observer: VisionObserver? = nil)
    throws(CheckpointError) -> InputRows
  {
    let seen =
      prompt.pictureTokens.isEmpty
      ? nil
      : try ReusedMemory.during { () throws(CheckpointError) in
        try encoder.encode(prompt.patches, compute: compute, observer: observer)
      }
    do throws(CheckpointError) {
      return try prompt.input(of: opened.model, seen: seen)
    } catch {
      throw error.in(file: path)
    }
  }
}
