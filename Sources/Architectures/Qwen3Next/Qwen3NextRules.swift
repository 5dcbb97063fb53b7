import Base

extension Qwen3Next {
  /// The rule of every tensor, in the order of the GGUF file.
  package var rules: [TensorRule] {
    let rules = HybridRules(settled, Self.published, .grouped).all(parts)
    return names.applied(to: rules, published: Self.published, dialect)
  }
}
