import Base
import Containers

/// Gemma 3: four norms a layer, windows in five layers of six with a rotary embedding of their own, scaled embeddings, and in most sizes a
/// vision encoder whose tokens see each other.
///
/// Source: the published `config.json` and transformers' `models/gemma3`; `formats/architectures/gemma3.md` has the rules.
package struct Gemma3: Architecture {
  package static let modelTypes = ["gemma3", "gemma3_text"]
  package static let textClass = "Gemma3ForCausalLM"
  package static let tiesByDefault = true
  package static let ggufName = "gemma3"
  package static let splitName = "default"
  package static let chats = [ChatMarkup.gemma]
  /// Of models with a vision encoder; text models have their parts under the usual names.
  package static let published = PartNames(
    text: "language_model.model.", head: "language_model.", vision: "vision_tower.vision_model.",
    projector: "multi_modal_projector.")

  package var configuration: Configuration
  package var names: PartNames
  package var notes: [String] = []

  package var decoder: DecoderConfiguration {
    get { configuration.decoder }
    set { configuration.decoder = newValue }
  }

  /// Reads a checkpoint of either container.
  package init(checkpoint: Checkpoint) throws(CheckpointError) {
    let source = try DecoderSource(checkpoint, of: Self.self)
    names = source.names
    configuration = try Configuration(source)
    try settle(checkpoint, source)
  }

  /// The hyper-parameters of a Gemma 3, every field checked before anything is computed from it.
  ///
  /// Source: `config.json` (nested `text_config`, or flat as `gemma3_text`), or GGUF metadata under `gemma3.`.
  package struct Configuration: Sendable, Equatable {
    package var decoder: DecoderConfiguration
    /// How many keys a query sees in layers with a window, its own included.
    let window: Int
    /// One entry a layer: whether it has the window.
    let layerIsWindowed: [Bool]
    /// The base of the rotary frequencies of layers with a window, which are never stretched.
    let windowTheta: Double
    /// What scores are divided by the root of.
    let queryScalar: Double
    /// Soft caps of scores and logits; nil for none.
    let logitCap: Double?
    let tokens: PictureTokens
    package var vision: Vision?
  }

  package var untoldByGGUF: [String] {
    let c = configuration
    let usual = Configuration.usualScalar(decoder)
    guard c.queryScalar != usual else { return [] }
    return [
      "query_pre_attn_scalar (\(c.queryScalar)) is in the carried config.json only: llama.cpp takes \(usual), so its answers differ"
    ]
  }
}

extension Gemma3.Configuration {
  private typealias Key = ConfigurationReader.Key

  /// Layers from one that sees everything to the next.
  static let interval = 6

  /// Reads and checks every field.
  ///
  /// - Throws: `missing` or `malformed`, naming the key and its rule; `unsupported` for choices that Gemma 3 does not have.
  package init(_ source: DecoderSource) throws(CheckpointError) {
    let text = source.text
    decoder = try DecoderConfiguration(source, family: "Gemma 3", Self.defaults)
    try source.requireActivation(["gelu_pytorch_tanh"], key: "hidden_activation")
    try source.require("attention_bias", false, "only Gemma 3 without biases is known")
    for key in [Key("attn_logit_softcapping", "attn_logit_softcapping")] where text.has(key) {
      throw text.broken(key, "caps attention scores, which Gemma 3 does not", code: .unsupported)
    }
    let cap = Key("final_logit_softcapping", "final_logit_softcapping")
    logitCap = text.has(cap) ? try text.positive(cap, upTo: 1e6) : nil
    let width = Key("sliding_window", "attention.sliding_window")
    window = try text.integer(width, in: 1...(1 << 30), fallback: source.isGGUF ? 1024 : 4096)
    layerIsWindowed = try Self.windowed(source, count: decoder.layerCount)
    if let rope = source.windowRope {
      windowTheta = try rope.positive(Key("rope_theta", ""), upTo: 1e15)
    } else {
      let base = Key("rope_local_base_freq", "rope.freq_base_swa")
      windowTheta = try text.positive(base, upTo: 1e15, fallback: 10_000)
    }
    let usual = Self.usualScalar(decoder)
    if let fields = source.fields {
      let scalar = Key("query_pre_attn_scalar", "")
      queryScalar = try fields.positive(scalar, upTo: 1e6, fallback: source.isGGUF ? usual : 256)
    } else {
      queryScalar = usual
    }
    tokens = try PictureTokens(
      source, ["boi_token_index", "eoi_token_index", "image_token_index"], of: decoder.vocabularySize)
    vision = try Gemma3.Vision(source, textWidth: decoder.hiddenSize)
    try decoder.checkState(source)
  }

  /// What published files mean by fields that they leave out.
  private static let defaults: DecoderConfiguration.Defaults = {
    var defaults = DecoderConfiguration.Defaults(ropeTheta: 1_000_000)
    defaults.contextLength = 131_072
    defaults.headCount = 8
    defaults.keyValueHeadCount = 4
    defaults.headDimension = 256
    defaults.vocabularySize = 262_208
    defaults.scalings = [.linear]
    return defaults
  }()

  /// What llama.cpp takes for `query_pre_attn_scalar`: the width of a head, but for the 27B with its 62 layers.
  static func usualScalar(_ c: DecoderConfiguration) -> Double {
    c.layerCount == 62 ? Double(c.hiddenSize) / Double(c.headCount) : Double(c.headDimension)
  }

  /// Which layers have the window: as the source lists them, or all but every sixth.
  private static func windowed(_ source: DecoderSource, count: Int) throws(CheckpointError) -> [Bool] {
    let text = source.text
    if !source.isGGUF, let list = try source.windowedLayers(text, count: count) { return list }
    let flags = Key("", "attention.sliding_window_pattern")
    if let list = text.flags(flags), !list.isEmpty {
      guard list.count >= count else { throw text.broken(flags, "must be a list of at least \(count) booleans") }
      return Array(list.prefix(count))
    }
    let name = text.has(Key("_sliding_window_pattern", "")) ? "_sliding_window_pattern" : "sliding_window_pattern"
    let every = try text.integer(
      Key(name, "attention.sliding_window_pattern"), in: 1...4096, fallback: interval)
    return pattern(count: count, interval: every)
  }

  static func pattern(count: Int, interval: Int) -> [Bool] { (0..<count).map { ($0 + 1) % interval != 0 } }
}
