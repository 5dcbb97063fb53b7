import Base
import Containers

/// Qwen3: heads of q and k behind norms, and wider than the hidden state has room for.
///
/// Source: the published `config.json` and transformers' `models/qwen3`; `formats/architectures/qwen3.md` has the rules.
package struct Qwen3: Architecture {
  package static let modelTypes = ["qwen3"]
  package static let textClass = "Qwen3ForCausalLM"
  package static let ggufName = "qwen3"
  package static let splitName = "qwen2"
  package static let stopWords = ["<|im_end|>", "<|endoftext|>"]

  package var decoder: DecoderConfiguration
  /// Whether q, k, v and o have biases.
  let attentionBias: Bool
  /// Of each layer, how many keys a query sees, its own included; nil for all.
  let windows: [Int?]
  package var names: PartNames
  package var notes: [String] = []

  /// Reads a checkpoint of either container.
  package init(checkpoint: Checkpoint) throws(CheckpointError) {
    let source = try DecoderSource(checkpoint, of: Self.self)
    names = source.names
    decoder = try DecoderConfiguration(source, family: "Qwen3", Self.defaults)
    try source.requireActivation(["silu"])
    attentionBias = try source.flag("attention_bias", tensor: "blk.0.attn_q.bias")
    windows = try Qwen2.windows(source, decoder)
    try decoder.checkState(source)
    try settle(checkpoint, source)
  }

  /// What files mean by fields that they leave out.
  static let defaults: DecoderConfiguration.Defaults = {
    var defaults = DecoderConfiguration.Defaults(ropeTheta: 10_000)
    defaults.headDimension = 128
    defaults.keyValueHeadCount = 32
    defaults.scalings = [.linear, .dynamic, .yarn]
    return defaults
  }()

  package var untoldByGGUF: [String] { Qwen2.untold(windows, decoder) }
}
