import Base
import Containers

/// Qwen3.5: gated delta net and gated attention in turns, an MTP block, and a vision encoder that feeds it.
///
/// Source: the published `config.json` and transformers' `models/qwen3_5`; `formats/architectures/qwen35.md` has the rules.
package struct Qwen35: Architecture, QwenSighted {
  package static let modelTypes = ["qwen3_5", "qwen3_5_text"]
  package static let textClass = "Qwen3_5ForCausalLM"
  package static let ggufName = "qwen35"
  package static let splitName = "qwen35"
  package static let published = PartNames(text: "model.language_model.", mtp: "mtp.", vision: "model.visual.")
  package static let misplacedPrefixes = QwenVision.misplacedPrefixes
  package static let stopWords = ["<|im_end|>", "<|endoftext|>"]
  package static let picture: PictureMarkup? = QwenVision.markup
  package static let visionKind = QwenVision.Kind(title: "Qwen3.5", modelType: "qwen3_5", deepstack: nil)

  package var configuration: Configuration
  package var names: PartNames
  package let dialect: Dialect
  package var notes: [String] = []

  package var decoder: DecoderConfiguration {
    get { configuration.decoder }
    set { configuration.decoder = newValue }
  }

  package var vision: QwenVision? {
    get { configuration.vision }
    set { configuration.vision = newValue }
  }

  package var deepstackLayers: Int { 0 }

  /// Reads a checkpoint of either container.
  package init(checkpoint: Checkpoint) throws(CheckpointError) {
    let source = try DecoderSource(checkpoint, of: Self.self)
    names = source.names
    configuration = try Configuration(source)
    dialect = source.isGGUF ? .huggingFace : try Self.dialect(of: checkpoint, names: names, configuration)
    try settle(checkpoint, source)
  }

  /// Tells the dialects apart by the layout of the first convolution; how the norms are stored follows from it.
  private static func dialect(
    of checkpoint: Checkpoint, names: PartNames, _ c: Configuration
  ) throws(CheckpointError) -> Dialect {
    guard let layer = c.layerIsFull.firstIndex(of: false) else { return .huggingFace }
    let name = names.text + "layers.\(layer).linear_attn.conv1d.weight"
    guard let shape = checkpoint[name]?.shape.dimensions else { return .huggingFace }
    switch shape {
    case [c.convolutionChannels, 1, c.convolutionKernel]: return .huggingFace
    case [c.convolutionChannels, c.convolutionKernel, 1]: return .mlx
    default:
      throw CheckpointError(
        .mismatch,
        "the convolution is \(shape); the configuration asks for [\(c.convolutionChannels), 1, \(c.convolutionKernel)]",
        file: checkpoint.path, tensor: name)
    }
  }

  /// The hyper-parameters of a Qwen3.5, every field checked before anything is computed from it.
  ///
  /// Source: `config.json` (nested `text_config`, or flat as `qwen3_5_text`), or GGUF metadata under `qwen35.`.
  @dynamicMemberLookup
  package struct Configuration: Sendable, Equatable {
    package var decoder: DecoderConfiguration
    package var linearKeyHeads: Int
    package var linearValueHeads: Int
    package var linearKeyHeadDimension: Int
    package var linearValueHeadDimension: Int
    /// Taps of the causal convolution.
    package var convolutionKernel: Int
    /// One entry a decoder layer: true for gated attention, false for gated delta net.
    package var layerIsFull: [Bool]
    package var fullAttentionInterval: Int
    package var tokens: QwenVision.Tokens
    package var vision: QwenVision?

    package subscript<Value>(dynamicMember field: WritableKeyPath<DecoderConfiguration, Value>) -> Value {
      get { decoder[keyPath: field] }
      set { decoder[keyPath: field] = newValue }
    }

    /// Rows of q (or k) in a linear layer.
    package var linearKeyWidth: Int { linearKeyHeads * linearKeyHeadDimension }
    /// Rows of v in a linear layer.
    package var linearValueWidth: Int { linearValueHeads * linearValueHeadDimension }
    /// Channels of the convolution: q, k, then v.
    package var convolutionChannels: Int { 2 * linearKeyWidth + linearValueWidth }
    /// Value heads for each key head.
    package var valueHeadRatio: Int { linearValueHeads / linearKeyHeads }
  }
}

extension Qwen35.Configuration {
  private typealias Key = ConfigurationReader.Key

  /// Most floats in the memory of one delta net layer, 64 MiB; the largest published layers have a thirtieth of it.
  private static let layerMemoryLimit = 1 << 24

  /// Reads and checks every field.
  ///
  /// - Throws: `missing` or `malformed`, naming the key and its rule; `unsupported` for choices that Qwen3.5 does not have.
  package init(_ source: DecoderSource) throws(CheckpointError) {
    let text = source.text
    decoder = try DecoderConfiguration(
      source, family: "Qwen3.5", DecoderConfiguration.Defaults(rotaryPart: 0.25, mropeSection: [11, 11, 10]))
    try source.require("attention_bias", false, "only Qwen3.5 without biases is known")
    try source.require("attn_output_gate", true, "Qwen3.5 gates its attention")
    if let activation = text.text("hidden_act"), activation != "silu" {
      throw text.broken(Key("hidden_act", ""), "is \(activation); Qwen3.5 uses silu", code: .unsupported)
    }

    let keyHeads = Key("linear_num_key_heads", "ssm.group_count")
    let valueHeads = Key("linear_num_value_heads", "ssm.time_step_rank")
    linearKeyHeads = try text.integer(keyHeads, in: 1...4096)
    linearValueHeads = try text.integer(valueHeads, in: 1...4096)
    guard linearValueHeads % linearKeyHeads == 0 else {
      throw text.broken(valueHeads, "(\(linearValueHeads)) must be a multiple of the \(linearKeyHeads) key heads")
    }
    linearKeyHeadDimension = try text.integer(Key("linear_key_head_dim", "ssm.state_size"), in: 1...65536)
    if source.isGGUF {
      let inner = Key("", "ssm.inner_size")
      let innerSize = try text.integer(inner, in: 1...(1 << 28))
      guard innerSize % linearValueHeads == 0 else {
        throw text.broken(inner, "(\(innerSize)) must be a multiple of the \(linearValueHeads) value heads")
      }
      linearValueHeadDimension = innerSize / linearValueHeads
    } else {
      linearValueHeadDimension = try text.integer(
        Key("linear_value_head_dim", ""), in: 1...65536)
    }
    // No factor exceeds 2^16.
    guard
      2 * linearKeyHeads * linearKeyHeadDimension + linearValueHeads * linearValueHeadDimension
        <= DecoderConfiguration.widthLimit
    else {
      throw text.broken(valueHeads, "and the head widths give more than \(DecoderConfiguration.widthLimit) channels")
    }
    let memory = linearValueHeads * linearKeyHeadDimension * linearValueHeadDimension
    guard memory <= Self.layerMemoryLimit else {
      throw text.broken(
        Key("linear_value_head_dim", "ssm.inner_size"),
        "makes the memory of a layer \(memory) numbers large; the most is \(Self.layerMemoryLimit)")
    }
    convolutionKernel = try text.integer(Key("linear_conv_kernel_dim", "ssm.conv_kernel"), in: 2...64, fallback: 4)
    fullAttentionInterval = try text.integer(
      Key("full_attention_interval", "full_attention_interval"), in: 1...4096, fallback: 4)
    layerIsFull = try Self.layerKinds(text, count: decoder.layerCount, interval: fullAttentionInterval)
    try decoder.checkState(source, recurrent: layerIsFull.count { !$0 }, memory: memory)

    tokens = try QwenVision.Tokens(source, of: decoder.vocabularySize)
    vision = try QwenVision(source, decoder, Qwen35.visionKind)
  }

  /// Which layers are attention: as the source lists them, or by the interval where it lists none.
  private static func layerKinds(
    _ text: ConfigurationReader, count: Int, interval: Int
  ) throws(CheckpointError) -> [Bool] {
    let key = Key("layer_types", "attention.recurrent_layers")
    guard text.has(key) else { return (0..<count).map { ($0 + 1) % interval == 0 } }
    if let flags = text.flags(key) {
      guard flags.count >= count else { throw text.broken(key, "must be a list of at least \(count) booleans") }
      return flags.prefix(count).map { !$0 }
    }
    guard let kinds = text.value(key.huggingFace)?.arrayValue, kinds.count == count else {
      throw text.broken(key, "must be a list of \(count) entries, one a layer")
    }
    return try kinds.enumerated().map { index, kind throws(CheckpointError) in
      switch kind.stringValue {
      case "full_attention": true
      case "linear_attention": false
      default: throw text.broken(key, "[\(index)] must be full_attention or linear_attention")
      }
    }
  }
}
