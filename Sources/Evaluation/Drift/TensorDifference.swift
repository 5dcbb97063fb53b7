/// How far the weights of one tensor are from those before, the order of heads and other layout undone.
package struct TensorDifference: Sendable, Equatable {
  /// By its GGUF name.
  package let name: String
  /// Part of the vision encoder.
  package let isVision: Bool
  /// As stored.
  package let typeBefore: String
  package let typeAfter: String
  /// Weights of it.
  package let count: Int
  /// √(Σ(w' - w)² / Σw²).
  package let relativeError: Double
  package let cosine: Double
  /// Of a single weight.
  package let largestError: Double

  package init(
    name: String, isVision: Bool, typeBefore: String, typeAfter: String, count: Int, relativeError: Double,
    cosine: Double, largestError: Double
  ) {
    self.name = name
    self.isVision = isVision
    self.typeBefore = typeBefore
    self.typeAfter = typeAfter
    self.count = count
    self.relativeError = relativeError
    self.cosine = cosine
    self.largestError = largestError
  }
}
