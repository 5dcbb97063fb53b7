import Base

extension SmolLM3 {
  /// The rule of every tensor, in the order of the GGUF file.
  package var rules: [TensorRule] {
    let builder = DecoderRules(c: decoder, names: Self.published, paired: true)
    return names.applied(
      to: builder.ends() + (0..<decoder.layerCount).flatMap { builder.layer($0) }, published: Self.published,
      dialect)
  }
}
