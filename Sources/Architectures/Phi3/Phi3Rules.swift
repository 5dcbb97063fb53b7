import Base

extension Phi3 {
  /// The rule of every tensor, in the order of the GGUF file.
  package var rules: [TensorRule] {
    let builder = DecoderRules(c: decoder, names: Self.published)
    var rules = builder.ends()
    for index in 0..<decoder.layerCount {
      let (from, to) = builder.prefixes(ofLayer: index)
      rules += [
        builder.norm(from + "input_layernorm", to + "attn_norm"),
        builder.norm(from + "post_attention_layernorm", to + "ffn_norm"),
      ]
      rules += projections(builder, from, to)
    }
    return names.applied(to: rules, published: Self.published, dialect)
  }

  /// Rows of q, k and v one after another, and those of gate and up, which GGUF keeps as one too.
  private func projections(_ builder: DecoderRules, _ from: String, _ to: String) -> [TensorRule] {
    let (hidden, inner) = (decoder.hiddenSize, decoder.intermediateSize)
    let query = decoder.headCount * decoder.headDimension
    let all = query + 2 * decoder.keyValueHeadCount * decoder.headDimension
    return builder.projection(from + "self_attn.qkv_proj", to + "attn_qkv", all, hidden)
      + builder.projection(from + "self_attn.o_proj", to + "attn_output", hidden, query)
      + builder.projection(from + "mlp.gate_up_proj", to + "ffn_up", 2 * inner, hidden)
      + builder.projection(from + "mlp.down_proj", to + "ffn_down", hidden, inner)
  }
}
