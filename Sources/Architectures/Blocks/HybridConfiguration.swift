import Base
import Containers

/// The hyper-parameters of decoders whose layers are gated delta nets and gated attention in turns: Qwen3-Next and Qwen3.5.
///
/// Every field is checked before anything is computed from it.
@dynamicMemberLookup
package struct HybridConfiguration: Sendable, Equatable {
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
  /// Nil for dense feed-forward parts.
  package var experts: ExpertConfiguration?

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

extension HybridConfiguration {
  private typealias Key = ConfigurationReader.Key

  /// Most floats in the memory of one delta net layer, 64 MiB; the largest published layers have a thirtieth of it.
  private static let layerMemoryLimit = 1 << 24

  /// Reads and checks every field.
  ///
  /// - Throws: `missing` or `malformed`, naming the key and its rule; `unsupported` for choices that the family does not have.
  package init(
    _ source: DecoderSource, family: String, _ defaults: DecoderConfiguration.Defaults
  ) throws(CheckpointError) {
    let text = source.text
    decoder = try DecoderConfiguration(source, family: family, defaults)
    try source.require("attention_bias", false, "only \(family) without biases is known")
    try source.require("attn_output_gate", true, "\(family) gates its attention")
    if let activation = text.text("hidden_act"), activation != "silu" {
      throw text.broken(Key("hidden_act", ""), "is \(activation); \(family) uses silu", code: .unsupported)
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

  /// Tells the dialects of a folder apart by the layout of the first convolution; how the norms are stored follows from it.
  func dialect(of checkpoint: Checkpoint, _ names: PartNames) throws(CheckpointError) -> Dialect {
    guard let layer = layerIsFull.firstIndex(of: false) else { return .huggingFace }
    let name = names.text + "layers.\(layer).linear_attn.conv1d.weight"
    guard let shape = checkpoint[name]?.shape.dimensions else { return .huggingFace }
    switch shape {
    case [convolutionChannels, 1, convolutionKernel]: return .huggingFace
    case [convolutionChannels, convolutionKernel, 1]: return .mlx
    default:
      throw CheckpointError(
        .mismatch,
        "the convolution is \(shape); the configuration asks for [\(convolutionChannels), 1, \(convolutionKernel)]",
        file: checkpoint.path, tensor: name)
    }
  }
}

extension HybridConfiguration {
  /// The keys of GGUF behind those of every decoder.
  func write(into writer: inout MetadataWriter) {
    writer.count("ssm.conv_kernel", convolutionKernel)
    writer.count("ssm.state_size", linearKeyHeadDimension)
    writer.count("ssm.group_count", linearKeyHeads)
    writer.count("ssm.time_step_rank", linearValueHeads)
    writer.count("ssm.inner_size", linearValueWidth)
    let recurrent = layerIsFull.map { !$0 } + [Bool](repeating: false, count: decoder.mtpLayers)
    writer.put("attention.recurrent_layers", .list(recurrent))
    writer.count("full_attention_interval", fullAttentionInterval)
    writer.count("rope.dimension_count", decoder.rotaryDimension)
  }

  /// The fields of `config.json` that these families share.
  ///
  /// - Throws: `unsupported` when the rotary embedding cannot be said there.
  func json() throws(CheckpointError) -> [String: OrderedJSON] {
    var fields = try decoder.json()
    fields.merge([
      "attention_bias": .bool(false), "hidden_act": .string("silu"),
      "layer_types": .array(layerIsFull.map { .string($0 ? "full_attention" : "linear_attention") }),
    ]) { _, own in own }
    let counts = [
      "full_attention_interval": fullAttentionInterval, "linear_conv_kernel_dim": convolutionKernel,
      "linear_key_head_dim": linearKeyHeadDimension, "linear_num_key_heads": linearKeyHeads,
      "linear_num_value_heads": linearValueHeads, "linear_value_head_dim": linearValueHeadDimension,
    ]
    for (key, value) in counts { fields[key] = .integer(Int64(value)) }
    return fields
  }
}
