import Base
import Containers

/// Qwen3.5: gated delta net and gated attention in turns, an MTP block, and a vision encoder that feeds it.
///
/// Source: the published `config.json` and transformers' `models/qwen3_5`; `formats/architectures/qwen35.md` has the rules.
package struct Qwen35: Architecture, QwenSighted {
  package static let modelTypes = ["qwen3_5", "qwen3_5_text"]
  package static let textClass = "Qwen3_5ForCausalLM"
  package static let ggufName = "qwen35"
  package static let splitName = "qwen35"
  package static let published = PartNames(text: "model.language_model.", mtp: "mtp.", vision: "model.visual.")
  package static let misplacedPrefixes = QwenVision.misplacedPrefixes
  package static let stopWords = ["<|im_end|>", "<|endoftext|>"]
  package static let picture: PictureMarkup? = QwenVision.markup
  package static let visionKind = QwenVision.Kind(title: "Qwen3.5", modelType: "qwen3_5", deepstack: nil)

  package var configuration: Configuration
  package var names: PartNames
  package let dialect: Dialect
  package var notes: [String] = []

  package var decoder: DecoderConfiguration {
    get { configuration.hybrid.decoder }
    set { configuration.hybrid.decoder = newValue }
  }

  package var vision: QwenVision? {
    get { configuration.vision }
    set { configuration.vision = newValue }
  }

  package var deepstackLayers: Int { 0 }

  /// Reads a checkpoint of either container.
  package init(checkpoint: Checkpoint) throws(CheckpointError) {
    let source = try DecoderSource(checkpoint, of: Self.self)
    names = source.names
    configuration = try Configuration(source)
    dialect = source.isGGUF ? .huggingFace : try configuration.hybrid.dialect(of: checkpoint, names)
    try settle(checkpoint, source)
  }

  /// The hyper-parameters of a Qwen3.5, every field checked before anything is computed from it.
  ///
  /// Source: `config.json` (nested `text_config`, or flat as `qwen3_5_text`), or GGUF metadata under `qwen35.`.
  @dynamicMemberLookup
  package struct Configuration: Sendable, Equatable {
    package var hybrid: HybridConfiguration
    package var tokens: PictureTokens
    package var vision: QwenVision?

    package subscript<Value>(dynamicMember field: WritableKeyPath<HybridConfiguration, Value>) -> Value {
      get { hybrid[keyPath: field] }
      set { hybrid[keyPath: field] = newValue }
    }

    package subscript<Value>(dynamicMember field: KeyPath<HybridConfiguration, Value>) -> Value {
      hybrid[keyPath: field]
    }

    /// Reads and checks every field.
    ///
    /// - Throws: `missing` or `malformed`, naming the key and its rule; `unsupported` for choices that Qwen3.5 does not have.
    package init(_ source: DecoderSource) throws(CheckpointError) {
      hybrid = try HybridConfiguration(
        source, family: "Qwen3.5", DecoderConfiguration.Defaults(rotaryPart: 0.25, mropeSection: [11, 11, 10]))
      tokens = try PictureTokens(source, QwenVision.tokenKeys, of: hybrid.vocabularySize)
      vision = try QwenVision(source, hybrid.decoder, Qwen35.visionKind)
    }
  }
}
