import Base
import Containers

extension Gemma3 {
  /// The metadata of the text GGUF, in the order llama.cpp's converter writes it; the tokenizer's keys follow it.
  package func textMetadata(_ description: FileDescription) -> Metadata {
    let c = configuration
    var writer = MetadataWriter(Self.ggufName, decoder, description)
    writer.put("rope.freq_base_swa", .float32(Float(c.windowTheta)))
    writer.count("attention.sliding_window", c.window)
    if let cap = c.logitCap { writer.put("final_logit_softcapping", .float32(Float(cap))) }
    // Readers know the usual pattern without a key.
    if c.layerIsWindowed != Configuration.pattern(count: decoder.layerCount, interval: Configuration.interval) {
      writer.put("attention.sliding_window_pattern", .list(c.layerIsWindowed))
    }
    return writer.metadata
  }

  /// A `config.json` with the published structure, for a GGUF that does not carry the original.
  package func configurationJSON() throws(CheckpointError) -> OrderedJSON {
    let c = configuration
    var fields = try decoder.json()
    fields.merge([
      "architectures": .array([.string(Self.textClass)]), "attention_bias": .bool(false),
      "attn_logit_softcapping": .null, "final_logit_softcapping": c.logitCap.map { .decimal($0) } ?? .null,
      "hidden_activation": .string("gelu_pytorch_tanh"), "model_type": .string("gemma3_text"),
      "query_pre_attn_scalar": .decimal(c.queryScalar), "sliding_window": .integer(Int64(c.window)),
      "layer_types": .array(c.layerIsWindowed.map { .string($0 ? "sliding_attention" : "full_attention") }),
      "rope_parameters": .object([
        "full_attention": fields["rope_parameters"] ?? .null,
        "sliding_attention": .object(["rope_theta": .decimal(c.windowTheta), "rope_type": .string("default")]),
      ]),
    ]) { _, own in own }
    let text = OrderedObject(sorted: fields)
    guard let vision = c.vision, parts.contains(.vision) else { return .object(text) }
    var config: [String: OrderedJSON] = [
      "architectures": .array([.string("Gemma3ForConditionalGeneration")]),
      "dtype": fields["dtype"] ?? .string("bfloat16"), "eos_token_id": fields["eos_token_id"] ?? .null,
      "mm_tokens_per_image": .integer(Int64(vision.tokenSide * vision.tokenSide)), "model_type": .string("gemma3"),
      "text_config": .object(text), "tie_word_embeddings": .bool(decoder.tied), "vision_config": vision.json,
    ]
    config.merge(c.tokens.json) { _, own in own }
    return .object(OrderedObject(sorted: config))
  }
}
