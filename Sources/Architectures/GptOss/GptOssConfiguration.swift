import Base
import Containers
import Engine
import Quants

/// GPT-OSS: experts in MXFP4 behind a clamped activation, attention with sinks, and windows in every second layer.
///
/// Source: the published `config.json` and transformers' `models/gpt_oss`; `formats/architectures/gpt_oss.md` has the rules.
package struct GptOss: Architecture {
  package static let modelTypes = ["gpt_oss"]
  package static let textClass = "GptOssForCausalLM"
  package static let ggufName = "gpt-oss"
  package static let splitName = "gpt-4o"
  package static let chats = [ChatMarkup.harmony]
  package static let stopWords = ["<|return|>", "<|call|>", "<|end|>"]
  package static let unpacks: Set<String> = ["MXFP4"]

  /// How a folder keeps the experts of a layer.
  enum Form: Sendable {
    /// In MXFP4, words and scales in a tensor each, [experts, outputs, inputs].
    case blocks
    /// As numbers, [experts, inputs, outputs].
    case transposed
  }

  package var decoder: DecoderConfiguration
  /// Whether q, k, v and o have biases.
  let attentionBias: Bool
  /// Of each layer, how many keys a query sees, its own included; nil for all.
  let windows: [Int?]
  let experts: ExpertConfiguration
  /// Where gate and up of an expert are cut off.
  let limit: Float
  let form: Form
  package var names: PartNames
  package var notes: [String] = []

  /// Reads a checkpoint of either container.
  package init(checkpoint: Checkpoint) throws(CheckpointError) {
    typealias Key = ConfigurationReader.Key
    let source = try DecoderSource(checkpoint, of: Self.self)
    names = source.names
    var defaults = DecoderConfiguration.Defaults(ropeTheta: 150_000)
    defaults.headCount = 64
    defaults.keyValueHeadCount = 8
    defaults.headDimension = 64
    defaults.contextLength = 131_072
    defaults.rmsEpsilon = 1e-5
    defaults.scalings = [.yarn]
    // GGUF cannot say it; no published model of this architecture rounds.
    defaults.truncatesYaRN = !source.isGGUF
    decoder = try DecoderConfiguration(source, family: "GPT-OSS", defaults)
    try source.requireActivation(["silu"])
    attentionBias =
      try source.isGGUF
      ? source.flag("", tensor: "blk.0.attn_q.bias") : source.text.bool(Key("attention_bias", ""), fallback: true)
    windows = try Self.windows(source, layers: decoder.layerCount)
    experts = try ExpertConfiguration(source, Self.kind, layers: decoder.layerCount)
    limit = Float(try source.fields?.positive(Key("swiglu_limit", ""), upTo: 1e6, fallback: 7) ?? 7)
    form = Self.form(of: checkpoint, names, layers: decoder.layerCount)
    try decoder.checkState(source)
    try settle(checkpoint, source)
  }

  static let kind = ExpertConfiguration.Kind(countKey: "num_local_experts", widthKey: "intermediate_size")

  /// Every second layer, the first included, unless they are listed.
  private static func windows(_ source: DecoderSource, layers: Int) throws(CheckpointError) -> [Int?] {
    let window = try source.window(source.text, fallback: 128)
    let listed = try source.fields.flatMap { fields throws(CheckpointError) in
      try source.windowedLayers(fields, count: layers)
    }
    return (listed ?? (0..<layers).map { $0 % 2 == 0 }).map { $0 ? window : nil }
  }

  /// Experts in any other type than MXFP4 become numbers in a folder.
  private static func form(of checkpoint: Checkpoint, _ names: PartNames, layers: Int) -> Form {
    let blocks = TensorType(MXFP4.self)
    let tensors = (0..<layers).flatMap { layer in
      checkpoint.format == .gguf
        ? ["gate", "up", "down"].map { "blk.\(layer).ffn_\($0)_exps.weight" }
        : ["gate_up", "down"].map { "\(names.text)layers.\(layer).mlp.experts.\($0)_proj" }
    }
    return tensors.allSatisfy { checkpoint[$0].map { $0.type == blocks } ?? true } ? .blocks : .transposed
  }

  package var untoldByGGUF: [String] {
    var notes: [String] = []
    if case .yarn(let yarn) = decoder.ropeScaling, !yarn.truncates {
      notes.append(
        "llama.cpp rounds the ends of YaRN's ramp, which this model does not and GGUF cannot say: its answers differ")
    }
    if windows.indices.contains(where: { (windows[$0] != nil) != ($0 % 2 == 0) }) {
      notes.append(
        "which layers have a window is in the carried config.json only: llama.cpp gives one to every second layer")
    }
    if limit != 7 {
      notes.append("swiglu_limit is \(limit), which is in the carried config.json only: llama.cpp takes 7")
    }
    return notes
  }
}
