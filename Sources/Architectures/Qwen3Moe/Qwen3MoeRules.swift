import Base

extension Qwen3Moe {
  /// The rule of every tensor, in the order of the GGUF file.
  package var rules: [TensorRule] {
    let builder = DecoderRules(c: decoder, names: Self.published)
    let kind = DecoderRules.Attention(inputBias: attentionBias, outputBias: attentionBias, norms: true)
    let layers = (0..<decoder.layerCount).flatMap { index in
      guard experts.layerIsSparse[index] else { return builder.layer(index, kind) }
      let (from, to) = builder.prefixes(ofLayer: index)
      return [
        builder.norm(from + "input_layernorm", to + "attn_norm"),
        builder.norm(from + "post_attention_layernorm", to + "ffn_norm"),
      ] + builder.attention(from + "self_attn.", to, kind) + builder.experts(from + "mlp.", to, experts)
    }
    return names.applied(to: builder.ends() + layers, published: Self.published, dialect)
  }
}
