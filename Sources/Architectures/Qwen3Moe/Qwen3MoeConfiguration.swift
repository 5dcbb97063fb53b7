import Base
import Containers

/// Qwen3 with experts in place of most or all feed-forward parts.
///
/// Source: the published `config.json` and transformers' `models/qwen3_moe`; `formats/architectures/qwen3_moe.md` has the rules.
package struct Qwen3Moe: Architecture {
  package static let modelTypes = ["qwen3_moe"]
  package static let textClass = "Qwen3MoeForCausalLM"
  package static let ggufName = "qwen3moe"
  package static let splitName = Qwen3.splitName
  package static let stopWords = Qwen3.stopWords

  package var decoder: DecoderConfiguration
  /// Whether q, k, v and o have biases.
  let attentionBias: Bool
  /// Of each layer, how many keys a query sees, its own included; nil for all.
  let windows: [Int?]
  let experts: ExpertConfiguration
  package var names: PartNames
  package var notes: [String] = []

  /// Reads a checkpoint of either container.
  package init(checkpoint: Checkpoint) throws(CheckpointError) {
    let source = try DecoderSource(checkpoint, of: Self.self)
    names = source.names
    var defaults = DecoderConfiguration.Defaults(ropeTheta: 10_000)
    defaults.keyValueHeadCount = 4
    defaults.scalings = [.linear, .dynamic, .yarn]
    // A file of experts alone need not say it.
    defaults.intermediateSize = source.isGGUF ? 0 : 6144
    decoder = try DecoderConfiguration(source, family: "Qwen3-MoE", defaults)
    try source.requireActivation(["silu"])
    attentionBias = try source.flag("attention_bias", tensor: "blk.0.attn_q.bias")
    windows = try Qwen2.windows(source, decoder)
    var experts = try ExpertConfiguration(source, Self.kind, layers: decoder.layerCount)
    experts.find(in: checkpoint, names, published: [:])
    self.experts = experts
    try decoder.checkState(source)
    try settle(checkpoint, source)
  }

  /// What a missing `norm_topk_prob` means is the class's; every published model says true.
  static let kind = ExpertConfiguration.Kind(normalizes: false, mayBeDense: true)

  package var untoldByGGUF: [String] { Qwen2.untold(windows, decoder) + experts.untold }
}
