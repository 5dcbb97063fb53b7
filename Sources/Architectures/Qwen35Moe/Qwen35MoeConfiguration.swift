import Base
import Containers

/// Qwen3.5 with experts: its decoder, MTP block and vision encoder, and in every layer experts beside one that every token goes through.
///
/// Source: the published `config.json` and transformers' `models/qwen3_5_moe`; `formats/architectures/qwen3_5_moe.md` has the rules.
package struct Qwen35Moe: Architecture, QwenSighted {
  package static let modelTypes = ["qwen3_5_moe", "qwen3_5_moe_text"]
  package static let textClass = "Qwen3_5MoeForCausalLM"
  package static let ggufName = "qwen35moe"
  package static let splitName = Qwen35.splitName
  package static let published = Qwen35.published
  package static let misplacedPrefixes = QwenVision.misplacedPrefixes
  package static let stopWords = Qwen35.stopWords
  package static let picture: PictureMarkup? = QwenVision.markup
  package static let visionKind = QwenVision.Kind(title: "Qwen3.5", modelType: "qwen3_5_moe", deepstack: nil)

  let configuration: HybridConfiguration
  let tokens: PictureTokens
  package var decoder: DecoderConfiguration
  package var vision: QwenVision?
  package var deepstackLayers: Int { 0 }
  package var names: PartNames
  package let dialect: Dialect
  package var notes: [String] = []

  /// Reads a checkpoint of either container.
  package init(checkpoint: Checkpoint) throws(CheckpointError) {
    let source = try DecoderSource(checkpoint, of: Self.self)
    names = source.names
    var defaults = DecoderConfiguration.Defaults(rotaryPart: 0.25, mropeSection: [11, 11, 10])
    defaults.intermediateSize = 0
    var c = try HybridConfiguration(source, family: "Qwen3.5", defaults)
    var experts = try ExpertConfiguration(source, Self.kind, layers: c.layerCount)
    experts.find(in: checkpoint, names, published: [.text: .fused, .mtp: .apart])
    c.experts = experts
    (configuration, decoder) = (c, c.decoder)
    tokens = try PictureTokens(source, QwenVision.tokenKeys, of: c.vocabularySize)
    vision = try QwenVision(source, c.decoder, Self.visionKind)
    dialect = source.isGGUF ? .huggingFace : try c.dialect(of: checkpoint, names)
    try settle(checkpoint, source)
  }

  static let kind = ExpertConfiguration.Kind(hasShared: true)

  /// The configuration with what was settled about the decoder.
  var settled: HybridConfiguration {
    var c = configuration
    c.decoder = decoder
    return c
  }
}
