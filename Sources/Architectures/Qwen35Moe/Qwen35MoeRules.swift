import Base

extension Qwen35Moe {
  /// The rule of every tensor, in the order of the GGUF file.
  package var rules: [TensorRule] {
    var rules = HybridRules(settled, Self.published, .tiled).all(parts)
    if let vision, parts.contains(.vision) { rules += vision.rules }
    return names.applied(to: rules, published: Self.published, dialect)
  }
}
