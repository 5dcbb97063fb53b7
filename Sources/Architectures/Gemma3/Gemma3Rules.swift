import Base

extension Gemma3 {
  /// The rule of every tensor, in the order of the GGUF file.
  package var rules: [TensorRule] {
    let published = parts.contains(.vision) ? Self.published : PartNames()
    // Norms are stored as the distance from one.
    let builder = DecoderRules(c: decoder, names: published, normSteps: [.addOne])
    var rules = builder.ends()
    for index in 0..<decoder.layerCount {
      let (from, to) = builder.prefixes(ofLayer: index)
      rules += [
        builder.norm(from + "input_layernorm", to + "attn_norm"),
        builder.norm(from + "post_attention_layernorm", to + "post_attention_norm"),
        builder.norm(from + "pre_feedforward_layernorm", to + "ffn_norm"),
        builder.norm(from + "post_feedforward_layernorm", to + "post_ffw_norm"),
      ]
      rules += builder.attention(from + "self_attn.", to, DecoderRules.Attention(norms: true))
      rules += builder.feedForward(from + "mlp.", to)
    }
    if parts.contains(.vision), let vision = configuration.vision { rules += vision.rules(published) }
    return names.applied(to: rules, published: published, dialect)
  }
}
