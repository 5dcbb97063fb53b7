import Base
import Containers

extension Qwen35 {
  /// The metadata of the text GGUF, in the order llama.cpp's converter writes it; the tokenizer's keys follow it.
  package func textMetadata(_ description: FileDescription) -> Metadata {
    var writer = MetadataWriter(Self.ggufName, decoder, description)
    configuration.hybrid.write(into: &writer)
    return writer.metadata
  }

  /// A `config.json` with the published structure, for a GGUF that does not carry the original.
  package func configurationJSON() throws(CheckpointError) -> OrderedJSON {
    try nested(configuration.hybrid, configuration.tokens)
  }
}

extension QwenSighted {
  /// A `config.json` of a text model and a vision encoder, or of the text model alone where there is none.
  func nested(_ c: HybridConfiguration, _ tokens: PictureTokens) throws(CheckpointError) -> OrderedJSON {
    let (family, flat) = (Self.modelTypes[0], Self.modelTypes[1])
    var fields = try c.json()
    fields.merge([
      "attn_output_gate": .bool(true), "mamba_ssm_dtype": .string("float32"), "model_type": .string(flat),
      "mtp_num_hidden_layers": .integer(Int64(c.mtpLayers)), "mtp_use_dedicated_embeddings": .bool(false),
    ]) { _, own in own }
    fields.merge(c.experts?.json(Qwen35Moe.kind) ?? [:]) { _, own in own }
    let text = OrderedObject(sorted: fields)
    var config: [String: OrderedJSON] = [
      "architectures": .array([.string(Self.textClass.replacing("ForCausalLM", with: "ForConditionalGeneration"))]),
      "dtype": .string("bfloat16"), "model_type": .string(family), "text_config": .object(text),
      "tie_word_embeddings": .bool(c.tied),
    ]
    config.merge(tokens.json) { _, own in own }
    guard let vision, parts.contains(.vision) else { return Self.flat(text, beside: OrderedObject(sorted: config)) }
    config["vision_config"] = vision.json
    return .object(OrderedObject(sorted: config))
  }
}
