import Base
import Containers

/// Qwen2 and Qwen2.5: q, k and v with biases.
///
/// Source: the published `config.json` and transformers' `models/qwen2`; `formats/architectures/qwen2.md` has the rules.
package struct Qwen2: Architecture {
  package static let modelTypes = ["qwen2"]
  package static let textClass = "Qwen2ForCausalLM"
  package static let ggufName = "qwen2"
  package static let splitName = "qwen2"
  package static let stopWords = ["<|im_end|>", "<|endoftext|>"]

  package var decoder: DecoderConfiguration
  /// Of each layer, how many keys a query sees, its own included; nil for all.
  let windows: [Int?]
  package var names: PartNames
  package var notes: [String] = []

  /// Reads a checkpoint of either container.
  package init(checkpoint: Checkpoint) throws(CheckpointError) {
    let source = try DecoderSource(checkpoint, of: Self.self)
    names = source.names
    var defaults = DecoderConfiguration.Defaults(ropeTheta: 10_000)
    defaults.keyValueHeadCount = 32
    defaults.scalings = [.linear, .dynamic, .yarn]
    decoder = try DecoderConfiguration(source, family: "Qwen2", defaults)
    try source.requireActivation(["silu"])
    windows = try Self.windows(source, decoder)
    try decoder.checkState(source)
    try settle(checkpoint, source)
  }

  /// The windows of layers, which published models have switched off.
  static func windows(_ source: DecoderSource, _ c: DecoderConfiguration) throws(CheckpointError) -> [Int?] {
    typealias Key = ConfigurationReader.Key
    guard let fields = source.fields, try fields.bool(Key("use_sliding_window", ""), fallback: false),
      let window = try source.window(fields, Key("sliding_window", ""), fallback: 4096)
    else { return [Int?](repeating: nil, count: c.layerCount) }
    let first = try fields.integer(Key("max_window_layers", ""), in: 0...4096, fallback: 28)
    let windowed = try source.windowedLayers(fields, count: c.layerCount) ?? (0..<c.layerCount).map { $0 >= first }
    return windowed.map { $0 ? window : nil }
  }

  package var untoldByGGUF: [String] { Self.untold(windows, decoder) }

  /// What a GGUF cannot say of windows.
  static func untold(_ windows: [Int?], _ c: DecoderConfiguration) -> [String] {
    let windowed = windows.compactMap { $0 }.filter { $0 < c.contextLength }
    guard let window = windowed.first else { return [] }
    return [
      "the window of \(window) tokens of \(counted(windowed.count, "layer")) is in the carried config.json only: llama.cpp lets "
        + "every token see all before it, so its answers differ beyond \(window) tokens"
    ]
  }

  /// The fields of a `config.json` that say of windows what the layers have.
  static func windowFields(_ windows: [Int?]) -> [String: OrderedJSON] {
    let window = windows.compactMap { $0 }.first
    return [
      "use_sliding_window": .bool(window != nil), "sliding_window": window.map { .integer(Int64($0)) } ?? .null,
      "layer_types": .array(windows.map { .string($0 == nil ? "full_attention" : "sliding_attention") }),
      "max_window_layers": .integer(Int64(windows.count { $0 == nil })),
    ]
  }
}
