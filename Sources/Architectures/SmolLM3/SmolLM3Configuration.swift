import Base
import Containers

/// SmolLM3: a Llama of which some layers have no positions.
///
/// Source: the published `config.json` and transformers' `models/smollm3`; `formats/architectures/smollm3.md` has the rules.
package struct SmolLM3: Architecture {
  package static let modelTypes = ["smollm3"]
  package static let textClass = "SmolLM3ForCausalLM"
  package static let tiesByDefault = true
  package static let ggufName = "smollm3"
  package static let splitName = "smaug-bpe"

  package var decoder: DecoderConfiguration
  /// One entry a layer: whether q and k are turned.
  let layerTurns: [Bool]
  package var names: PartNames
  package var notes: [String] = []

  private typealias Key = ConfigurationReader.Key

  /// Reads a checkpoint of either container.
  package init(checkpoint: Checkpoint) throws(CheckpointError) {
    let source = try DecoderSource(checkpoint, of: Self.self)
    names = source.names
    var defaults = DecoderConfiguration.Defaults(ropeTheta: 2_000_000)
    defaults.keyValueHeadCount = 4
    defaults.vocabularySize = 128_256
    defaults.scalings = [.linear, .dynamic, .yarn]
    decoder = try DecoderConfiguration(source, family: "SmolLM3", defaults)
    try source.requireActivation(["silu"])
    for key in ["attention_bias", "mlp_bias"] { try source.require(key, false, "only SmolLM3 without biases is known") }
    try source.require("use_sliding_window", false, "only SmolLM3 without windows is known")
    layerTurns = try Self.layerTurns(source, count: decoder.layerCount)
    try decoder.checkState(source)
    try settle(checkpoint, source)
  }

  /// Every fourth layer has no positions unless a list or another interval says so.
  private static func layerTurns(_ source: DecoderSource, count: Int) throws(CheckpointError) -> [Bool] {
    guard let fields = source.fields else { return turns(count: count, interval: 4) }
    let key = Key("no_rope_layers", "")
    if let list = try fields.integers(key, in: 0...1, count: 1...4096) {
      guard list.count == count else { throw fields.broken(key, "must be a list of \(count) entries, one a layer") }
      return list.map { $0 == 1 }
    }
    let interval = try fields.integer(Key("no_rope_layer_interval", ""), in: 1...4096, fallback: 4)
    return turns(count: count, interval: interval)
  }

  static func turns(count: Int, interval: Int) -> [Bool] { (0..<count).map { ($0 + 1) % interval != 0 } }

  package var untoldByGGUF: [String] {
    guard layerTurns != Self.turns(count: decoder.layerCount, interval: 4) else { return [] }
    return [
      "which layers have no positions is in the carried config.json only: llama.cpp takes every fourth, so its answers differ"
    ]
  }
}
