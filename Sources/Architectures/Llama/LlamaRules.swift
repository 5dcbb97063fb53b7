import Base

extension Llama {
  /// The rule of every tensor, in the order of the GGUF file.
  package var rules: [TensorRule] {
    let builder = DecoderRules(c: decoder, names: Self.published, paired: true)
    let kind = DecoderRules.Attention(inputBias: attentionBias, outputBias: attentionBias)
    let layers = (0..<decoder.layerCount).flatMap { builder.layer($0, kind, feedForwardBias: feedForwardBias) }
    return names.applied(to: builder.ends() + layers, published: Self.published, dialect)
  }
}
