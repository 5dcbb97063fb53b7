import Base

extension Qwen3VL {
  /// The rule of every tensor, in the order of the GGUF files.
  package var rules: [TensorRule] {
    let builder = DecoderRules(c: decoder, names: Self.published)
    let kind = DecoderRules.Attention(inputBias: attentionBias, outputBias: attentionBias, norms: true)
    let text = builder.ends() + (0..<decoder.layerCount).flatMap { builder.layer($0, kind) }
    let seen = parts.contains(.vision) ? vision?.rules ?? [] : []
    return names.applied(to: text + seen, published: Self.published, dialect)
  }
}
