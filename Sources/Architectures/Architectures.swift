import Containers
import Engine
import Base

/// The model families quern knows; the one list a new family is added to.
package enum Architectures {
  /// Every family, in the order they are tried.
  package static let all: [any Architecture.Type] = [Qwen35.self]

  /// The family a checkpoint belongs to; nil for one that is not known.
  ///
  /// Decided by `model_type` (or `architectures`) of `config.json`, or by `general.architecture` of a GGUF.
  package static func family(of checkpoint: Checkpoint) -> (any Architecture.Type)? {
    switch checkpoint.format {
    case .gguf:
      let name = checkpoint.metadata.string("general.architecture")
      return all.first { $0.ggufName == name }
    default:
      guard let config = checkpoint.folder?.config else { return nil }
      let types = [config["model_type"]?.stringValue, config["text_config"]?["model_type"]?.stringValue]
      return all.first { family in types.contains { $0.map(family.modelTypes.contains) ?? false } }
    }
  }

  /// The family of a checkpoint, read and checked.
  ///
  /// Errors: `unsupported` for an unknown family, naming what it says it is and what is known.
  package static func open(
    _ checkpoint: Checkpoint, vision: Checkpoint? = nil
  ) throws(CheckpointError) -> any Architecture {
    guard let family = family(of: checkpoint) else {
      let isGGUF = checkpoint.format == .gguf
      if ProjectorFile.isOne(checkpoint) {
        throw CheckpointError(
          .unsupported,
          "this is a projector (mmproj) and holds no text model; name the text model, which this "
            + "goes with where pictures are read", file: checkpoint.path)
      }
      // Each container has its own names for the families, and a reader compares them with what the file says.
      let known = all.flatMap { isGGUF ? [$0.ggufName] : $0.modelTypes }.joined(separator: ", ")
      throw CheckpointError(
        .unsupported, "the model family \(claimed(checkpoint)) is not known; known are \(known)", file: checkpoint.path)
    }
    return try family.init(checkpoint: checkpoint, vision: vision)
  }

  /// The checkpoint with the names and tensors that its family publishes, whatever program saved it; its notes say what was changed.
  ///
  /// Everything that looks for weights starts here; what only shows a checkpoint does not.
  ///
  /// - Throws: `malformed` when two tensors would get one name, and what the family throws.
  package static func prepare(_ checkpoint: Checkpoint) throws(CheckpointError) -> Checkpoint {
    guard checkpoint.format != .gguf, let family = family(of: checkpoint) else { return checkpoint }
    return try family.prepare(SavedNames.plain(checkpoint, misplaced: family.misplacedPrefixes))
  }

  /// What a checkpoint says it is, for messages.
  package static func claimed(_ checkpoint: Checkpoint) -> String {
    if checkpoint.format == .gguf {
      return shortened(checkpoint.metadata.string("general.architecture") ?? "without general.architecture")
    }
    guard let config = checkpoint.folder?.config else { return "of a file without config.json" }
    return shortened(config["model_type"]?.stringValue ?? "without model_type")
  }
}

/// A model family: its configuration, and how its tensors and metadata are written in each container.
package protocol Architecture: Sendable {
  /// Values of `model_type` in `config.json`.
  static var modelTypes: [String] { get }
  /// Prefixes under which savers have put parts that belong elsewhere, and the right ones.
  static var misplacedPrefixes: [(wrong: String, right: String)] { get }
  /// A Hugging Face checkpoint with the tensors that the family publishes, where another program lays them out otherwise.
  static func prepare(_ checkpoint: Checkpoint) throws(CheckpointError) -> Checkpoint
  /// The value of `general.architecture`.
  static var ggufName: String { get }
  /// The value of `tokenizer.ggml.pre` for the pattern by which its published tokenizers cut text.
  static var splitName: String { get }

  /// Whether a Hugging Face name is that of the head.
  static func isHead(_ name: String) -> Bool

  /// Reads and checks the configuration of a checkpoint; `vision` is its `mmproj`, where that is a file of its own.
  init(checkpoint: Checkpoint, vision: Checkpoint?) throws(CheckpointError)

  /// The rule of every tensor, in the order of the GGUF file.
  var rules: [TensorRule] { get }
  /// What to tell about how the checkpoint was understood, one sentence each.
  var notes: [String] { get }
  /// Rows of the embedding table, to which the vocabulary is padded.
  var vocabularySize: Int { get }
  /// Decoder layers including the MTP block, which the published mixes count in.
  var blockCount: Int { get }

  /// The text model, running on the weights of this checkpoint as they are stored.
  ///
  /// Throws `missing`, `mismatch` or `unsupported`, naming the tensor.
  func languageModel(_ checkpoint: Checkpoint) throws(CheckpointError) -> any LanguageModel
  /// The vision tower of this checkpoint, or of a projector file; nil without one.
  ///
  /// Throws `missing`, `mismatch` or `unsupported`, naming the tensor.
  func visionModel(_ checkpoint: Checkpoint) throws(CheckpointError) -> (any VisionModel)?
  /// The part a Hugging Face name belongs to, by its prefix.
  func part(of name: String) -> TensorRule.Part
  /// Metadata of a text GGUF with what it says of its blocks as this model has them, and the keys that were wrong.
  func corrected(_ metadata: Metadata) -> (metadata: Metadata, changed: [String])
  /// Why a tensor without a rule may be left out; nil when it may not.
  func reasonToIgnore(_ name: String) -> String?
  /// The same model without its MTP block.
  func withoutMTP() -> Self
  /// The GGUF metadata of the text model, from the size label up to the tokenizer's keys.
  func textMetadata(_ description: FileDescription) -> Metadata
  /// The GGUF metadata of the `mmproj`; nil without a vision tower.
  func visionMetadata(_ description: FileDescription, folder: HuggingFaceFolder?) throws(CheckpointError) -> Metadata?
  /// A `config.json` for this configuration, for a GGUF that does not carry the original.
  func configurationJSON() -> OrderedJSON
  /// A carried `config.json` with what it says of parts as this model has them, and what was changed, one sentence each.
  func corrected(configuration: OrderedJSON) -> (json: OrderedJSON, changes: [String])
  /// A `preprocessor_config.json`; nil without a vision tower.
  func preprocessorJSON(mmproj: Metadata) -> OrderedJSON?
}

/// What a GGUF file says about itself besides the model's configuration.
package struct FileDescription: Sendable {
  /// `general.name`.
  package var name: String
  /// `general.size_label`, such as `0.8B`.
  package var sizeLabel: String
  /// `general.file_type`; nil where no number fits.
  package var fileType: UInt32?
  /// Other general keys, such as the recommended sampling.
  package var extra: [(key: String, value: MetadataValue)]

  package init(
    name: String, sizeLabel: String, fileType: UInt32?, extra: [(key: String, value: MetadataValue)] = []
  ) {
    self.name = name
    self.sizeLabel = sizeLabel
    self.fileType = fileType
    self.extra = extra
  }
}
