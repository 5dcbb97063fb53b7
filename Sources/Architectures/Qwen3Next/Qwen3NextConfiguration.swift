import Base
import Containers

/// Qwen3-Next: gated delta net and gated attention in turns, experts beside one that every token goes through, and an MTP block.
///
/// Source: the published `config.json` and transformers' `models/qwen3_next`; `formats/architectures/qwen3_next.md` has the rules.
package struct Qwen3Next: Architecture {
  package static let modelTypes = ["qwen3_next"]
  package static let textClass = "Qwen3NextForCausalLM"
  package static let ggufName = "qwen3next"
  package static let splitName = "qwen2"
  package static let stopWords = ["<|im_end|>", "<|endoftext|>"]
  package static let announcesMTP = false
  package static let published = PartNames(mtp: "mtp.")

  let configuration: HybridConfiguration
  package var decoder: DecoderConfiguration
  package var names: PartNames
  package let dialect: Dialect
  package var notes: [String] = []

  /// Reads a checkpoint of either container.
  package init(checkpoint: Checkpoint) throws(CheckpointError) {
    let source = try DecoderSource(checkpoint, of: Self.self)
    names = source.names
    var c = try HybridConfiguration(source, family: "Qwen3-Next", Self.defaults)
    var experts = try ExpertConfiguration(source, Self.kind, layers: c.layerCount)
    experts.find(in: checkpoint, names, published: [:])
    c.experts = experts
    (configuration, decoder) = (c, c.decoder)
    dialect = source.isGGUF ? .huggingFace : try c.dialect(of: checkpoint, names)
    try settle(checkpoint, source)
  }

  /// What files mean by fields that they leave out.
  private static let defaults: DecoderConfiguration.Defaults = {
    var defaults = DecoderConfiguration.Defaults(ropeTheta: 10_000, rotaryPart: 0.25)
    defaults.headCount = 16
    defaults.keyValueHeadCount = 2
    defaults.headDimension = 256
    defaults.intermediateSize = 5632
    return defaults
  }()

  static let kind = ExpertConfiguration.Kind(hasShared: true, normalizes: true, mayBeDense: true)

  /// The configuration with what was settled about the decoder.
  var settled: HybridConfiguration {
    var c = configuration
    c.decoder = decoder
    return c
  }

  package var untoldByGGUF: [String] { configuration.experts?.untold ?? [] }
}
