import Quants

/// What it costs to store one tensor, and no other, in one type.
package struct TensorSensitivity: Sendable, Equatable {
  /// The tensor's name in GGUF.
  package let name: String
  /// The type it was tried in.
  package let type: TensorType
  /// The mean divergence of the predictions from those of the original that this causes, in nats a token.
  package let divergence: Double

  package init(name: String, type: TensorType, divergence: Double) {
    (self.name, self.type, self.divergence) = (name, type, divergence)
  }
}
