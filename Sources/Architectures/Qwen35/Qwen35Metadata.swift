import Containers
import Base

extension Qwen35 {
  /// The metadata of the text GGUF, in the order llama.cpp's converter writes it; the tokenizer's keys follow it.
  package func textMetadata(_ description: FileDescription) -> Metadata {
    let c = configuration
    var writer = MetadataWriter(Self.ggufName, decoder, description)
    writer.count("ssm.conv_kernel", c.convolutionKernel)
    writer.count("ssm.state_size", c.linearKeyHeadDimension)
    writer.count("ssm.group_count", c.linearKeyHeads)
    writer.count("ssm.time_step_rank", c.linearValueHeads)
    writer.count("ssm.inner_size", c.linearValueWidth)
    let recurrent = c.layerIsFull.map { !$0 } + [Bool](repeating: false, count: c.mtpLayers)
    writer.put("attention.recurrent_layers", .list(recurrent))
    writer.count("full_attention_interval", c.fullAttentionInterval)
    writer.count("rope.dimension_count", c.rotaryDimension)
    return writer.metadata
  }

  /// A `config.json` with the published structure, for a GGUF that does not carry the original.
  package func configurationJSON() throws(CheckpointError) -> OrderedJSON {
    let c = configuration
    var fields = try decoder.json()
    fields.merge([
      "attention_bias": .bool(false), "attn_output_gate": .bool(true), "hidden_act": .string("silu"),
      "layer_types": .array(c.layerIsFull.map { .string($0 ? "full_attention" : "linear_attention") }),
      "mamba_ssm_dtype": .string("float32"), "model_type": .string("qwen3_5_text"),
      "mtp_use_dedicated_embeddings": .bool(false),
    ]) { _, own in own }
    let counts = [
      "full_attention_interval": c.fullAttentionInterval, "linear_conv_kernel_dim": c.convolutionKernel,
      "linear_key_head_dim": c.linearKeyHeadDimension, "linear_num_key_heads": c.linearKeyHeads,
      "linear_num_value_heads": c.linearValueHeads, "linear_value_head_dim": c.linearValueHeadDimension,
      "mtp_num_hidden_layers": c.mtpLayers,
    ]
    for (key, value) in counts { fields[key] = .integer(Int64(value)) }
    let text = OrderedObject(sorted: fields)

    var config: [String: OrderedJSON] = [
      "architectures": .array([.string("Qwen3_5ForConditionalGeneration")]), "dtype": .string("bfloat16"),
      "model_type": .string("qwen3_5"), "text_config": .object(text), "tie_word_embeddings": .bool(c.tied),
    ]
    config.merge(c.tokens.json) { _, own in own }
    guard let v = c.vision, parts.contains(.vision) else {
      return Self.flat(text, beside: OrderedObject(sorted: config))
    }
    config["vision_config"] = v.json
    return .object(OrderedObject(sorted: config))
  }
}
