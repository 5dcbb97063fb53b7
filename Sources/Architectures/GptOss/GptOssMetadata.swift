import Base
import Containers

extension GptOss {
  /// The metadata of the text GGUF, in the order llama.cpp's converter writes it; the tokenizer's keys follow it.
  package func textMetadata(_ description: FileDescription) -> Metadata {
    var writer = MetadataWriter(Self.ggufName, decoder, description, experts: experts)
    if let window = windows.compactMap({ $0 }).first { writer.count("attention.sliding_window", window) }
    return writer.metadata
  }

  /// A `config.json` with the published structure, for a GGUF that does not carry the original.
  package func configurationJSON() throws(CheckpointError) -> OrderedJSON {
    var fields = try decoder.json()
    fields.merge(experts.json(Self.kind)) { _, own in own }
    let window = windows.compactMap { $0 }.first
    fields.merge([
      "architectures": .array([.string(Self.textClass)]), "attention_bias": .bool(attentionBias),
      "hidden_act": .string("silu"), "model_type": .string(Self.modelTypes[0]),
      "layer_types": .array(windows.map { .string($0 == nil ? "full_attention" : "sliding_attention") }),
      "sliding_window": window.map { .integer(Int64($0)) } ?? .null, "swiglu_limit": .number(Double(limit)),
    ]) { _, own in own }
    if form == .blocks { fields[Self.packing] = Self.packingJSON }
    return .object(OrderedObject(sorted: fields))
  }

  /// A carried `config.json` that also says how the experts are stored.
  package func corrected(
    configuration json: OrderedJSON
  ) throws(CheckpointError) -> (json: OrderedJSON, changes: [String]) {
    var (json, changes) = try correctedParts(configuration: json)
    guard var fields = json.objectValue, (fields[Self.packing] != nil) != (form == .blocks) else {
      return (json, changes)
    }
    fields[Self.packing] = form == .blocks ? Self.packingJSON : nil
    changes.append(
      "config.json: "
        + (form == .blocks ? "the experts are in MXFP4" : "without quantization_config, since the experts are numbers"))
    json = .object(fields)
    return (json, changes)
  }

  private static let packing = "quantization_config"

  private static var packingJSON: OrderedJSON {
    .object([
      "modules_to_not_convert": .array(
        ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"].map { .string($0) }),
      "quant_method": .string("mxfp4"),
    ])
  }
}
