import Base
import Containers

/// Phi-3, Phi-3.5 and Phi-4-mini: fused projections, a window, rotary embeddings of part of a head and for two lengths.
///
/// Source: the published `config.json` and transformers' `models/phi3`; `formats/architectures/phi3.md` has the rules.
package struct Phi3: Architecture {
  package static let modelTypes = ["phi3"]
  package static let textClass = "Phi3ForCausalLM"
  package static let ggufName = "phi3"
  package static let splitName = "gpt-4o"
  package static let chats = [ChatMarkup.phi3, .phi4mini]

  package var decoder: DecoderConfiguration
  /// How many keys a query sees, its own included; nil for all.
  let window: Int?
  /// Tokens of the texts it was first trained on.
  let originalLength: Int
  package var names: PartNames
  package var notes: [String] = []

  private typealias Key = ConfigurationReader.Key

  /// Reads a checkpoint of either container.
  package init(checkpoint: Checkpoint) throws(CheckpointError) {
    let source = try DecoderSource(checkpoint, of: Self.self)
    names = source.names
    var defaults = DecoderConfiguration.Defaults(ropeTheta: 10_000)
    defaults.contextLength = 4096
    defaults.rmsEpsilon = 1e-5
    defaults.scalings = [.longrope]
    decoder = try DecoderConfiguration(source, family: "Phi-3", defaults)
    try source.requireActivation(["silu"])
    for key in ["attention_bias", "mlp_bias", "lm_head_bias"] {
      try source.require(key, false, "only Phi-3 without biases is known")
    }
    window = try source.window(source.text)
    originalLength = try source.text.integer(
      Key("original_max_position_embeddings", "rope.scaling.original_context_length"), in: 1...(1 << 30),
      fallback: source.isGGUF ? decoder.contextLength : 4096)
    try decoder.checkState(source)
    try settle(checkpoint, source)
  }

  package var untoldByGGUF: [String] {
    var untold: [String] = []
    if let window, window < decoder.contextLength {
      untold.append(
        "llama.cpp switches off the window of \(window) tokens that the file announces, so its answers differ beyond "
          + "\(window) tokens")
    }
    if case .longrope(let rope) = decoder.ropeScaling {
      untold.append(
        "llama.cpp turns by the context asked for, not by the tokens there are: its answers to texts of up to \(rope.original) "
          + "tokens differ when it is asked for a longer context")
    }
    return untold
  }
}
