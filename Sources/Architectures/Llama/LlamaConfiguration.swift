import Base
import Containers

/// Llama 2 and 3, and what has their form: SmolLM, SmolLM2, TinyLlama and many more.
///
/// Source: the published `config.json` and transformers' `models/llama`; `formats/architectures/llama.md` has the rules.
package struct Llama: Architecture {
  package static let modelTypes = ["llama"]
  package static let textClass = "LlamaForCausalLM"
  package static let ggufName = "llama"
  package static let splitName = "llama-bpe"
  package static let chats = [ChatMarkup.llama3, .llama31, .llama2, .chatML]

  package var decoder: DecoderConfiguration
  /// Whether q, k, v and o have biases.
  let attentionBias: Bool
  /// Whether gate, up and down have biases.
  let feedForwardBias: Bool
  package var names: PartNames
  package var notes: [String] = []

  /// Reads a checkpoint of either container.
  package init(checkpoint: Checkpoint) throws(CheckpointError) {
    let source = try DecoderSource(checkpoint, of: Self.self)
    names = source.names
    var defaults = DecoderConfiguration.Defaults(ropeTheta: 10_000)
    defaults.contextLength = 2048
    defaults.scalings = [.linear, .dynamic, .llama3, .yarn]
    decoder = try DecoderConfiguration(source, family: "Llama", defaults)
    try Self.refuseExperts(source)
    try source.requireActivation(["silu"])
    attentionBias = try source.flag("attention_bias", tensor: "blk.0.attn_q.bias")
    feedForwardBias = try source.flag("mlp_bias", tensor: "blk.0.ffn_up.bias")
    try decoder.checkState(source)
    try settle(checkpoint, source)
  }

  /// GGUF calls Mixtral a Llama too.
  static func refuseExperts(_ source: DecoderSource) throws(CheckpointError) {
    let key = ConfigurationReader.Key("num_local_experts", "expert_count")
    guard try source.text.integer(key, in: 0...(1 << 20), fallback: 0) > 0 else { return }
    throw source.text.broken(key, "asks for experts, which no Llama has (Mixtral is not known)", code: .unsupported)
  }
}
