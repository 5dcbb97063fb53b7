import Base
import Containers

/// Mistral 7B and Nemo: a Llama whose layers may have a window, and whose heads need not make up the hidden size.
///
/// Source: the published `config.json` and transformers' `models/mistral`; `formats/architectures/mistral.md` has the rules.
package struct Mistral: Architecture {
  package static let modelTypes = ["mistral"]
  package static let textClass = "MistralForCausalLM"
  package static let ggufName = "llama"
  package static let splitName = "tekken"
  package static let chats = [ChatMarkup.llama2, .mistralV3, .mistralTekken]

  package var decoder: DecoderConfiguration
  /// How many keys a query sees, its own included; nil for all.
  let window: Int?
  package var names: PartNames
  package var notes: [String] = []

  /// Reads a checkpoint of either container.
  package init(checkpoint: Checkpoint) throws(CheckpointError) {
    let source = try DecoderSource(checkpoint, of: Self.self)
    names = source.names
    var defaults = DecoderConfiguration.Defaults(ropeTheta: 10_000)
    defaults.contextLength = 131_072
    defaults.keyValueHeadCount = 8
    defaults.scalings = [.linear, .dynamic, .yarn]
    decoder = try DecoderConfiguration(source, family: "Mistral", defaults)
    try Llama.refuseExperts(source)
    try source.requireActivation(["silu"])
    // The class has a window where config.json does not speak of it.
    window = try source.fields.flatMap { fields throws(CheckpointError) in try source.window(fields, fallback: 4096) }
    try decoder.checkState(source)
    try settle(checkpoint, source)
  }

  package var untoldByGGUF: [String] {
    Qwen2.untold([Int?](repeating: window, count: decoder.layerCount), decoder)
  }
}
