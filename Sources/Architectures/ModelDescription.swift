import Containers
import Images
import Base

/// A model family; a type that answers what the three protocols ask and leaves to their defaults what is as everywhere.
package protocol Architecture: ModelDescription, Runnable, Conversation {}

/// What a family is on disk: its configuration, and how its tensors and metadata are written in each container.
package protocol ModelDescription: Sendable {
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

  /// Reads and checks the configuration of a checkpoint.
  init(checkpoint: Checkpoint) throws(CheckpointError)

  /// The rule of every tensor, in the order of the GGUF file.
  var rules: [TensorRule] { get }
  /// What to tell about how the checkpoint was understood, one sentence each.
  var notes: [String] { get }
  /// Rows of the embedding table, to which the vocabulary is padded.
  var vocabularySize: Int { get }
  /// Decoder layers including the MTP block, which the published mixes count in.
  var blockCount: Int { get }

  /// The same model without one of its parts.
  func without(_ part: TensorRule.Part) -> Self
  /// The same model with the vision encoder of a projector file instead of one of its own.
  ///
  /// Throws `mismatch` for a projector of another model than `text`, `unsupported` where the family reads no pictures.
  func seeing(through projector: Checkpoint, besides text: Checkpoint) throws(CheckpointError) -> Self
  /// The part a Hugging Face name belongs to, by its prefix.
  func part(of name: String) -> TensorRule.Part
  /// Metadata of a text GGUF with what it says of its blocks as this model has them, and the keys that were wrong.
  func corrected(_ metadata: Metadata) -> (metadata: Metadata, changed: [String])
  /// Why a tensor without a rule may be left out; nil when it may not.
  func reasonToIgnore(_ name: String) -> String?
  /// The GGUF metadata of the text model, from the size label up to the tokenizer's keys.
  func textMetadata(_ description: FileDescription) -> Metadata
  /// The GGUF metadata of the `mmproj`; nil without a vision encoder.
  func visionMetadata(_ description: FileDescription, folder: HuggingFaceFolder?) throws(CheckpointError) -> Metadata?
  /// A `config.json` for this configuration, for a GGUF that does not carry the original.
  func configurationJSON() -> OrderedJSON
  /// A carried `config.json` with what it says of parts as this model has them, and what was changed, one sentence each.
  func corrected(configuration: OrderedJSON) -> (json: OrderedJSON, changes: [String])
  /// How pictures are prepared, as a projector's metadata say it, not yet checked; nil without a vision encoder.
  func preprocessing(_ projector: Metadata) -> Preprocessing?
  /// A `preprocessor_config.json`; nil without a vision encoder.
  func preprocessorJSON(mmproj: Metadata) -> OrderedJSON?
}

extension ModelDescription {
  package static var misplacedPrefixes: [(wrong: String, right: String)] { [] }

  package static func prepare(_ checkpoint: Checkpoint) throws(CheckpointError) -> Checkpoint { checkpoint }

  package static func isHead(_ name: String) -> Bool { name.hasSuffix("lm_head.weight") }

  package func seeing(through projector: Checkpoint, besides text: Checkpoint) throws(CheckpointError) -> Self {
    throw CheckpointError(
      .unsupported, "models of the family \(Self.ggufName) read no pictures", file: projector.path)
  }

  package func visionMetadata(
    _ description: FileDescription, folder: HuggingFaceFolder?
  ) throws(CheckpointError) -> Metadata? { nil }

  package func preprocessing(_ projector: Metadata) -> Preprocessing? { nil }

  package func preprocessorJSON(mmproj: Metadata) -> OrderedJSON? { nil }
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
