import Engine

/// How finely a model's activations meet its weights; products and sums are in 32-bit floats whichever it is.
public enum ActivationPrecision: String, Sendable, CaseIterable {
  /// As they are: what is measured is the file alone.
  case exact
  /// Rounded to bfloat16, as processors with bfloat16 instructions do.
  case bf16
  /// Rounded as llama.cpp's CPU backend rounds them for the type of the weights: predicts what that program will answer.
  case deployed

  var precision: Precision {
    switch self {
    case .exact: .exact
    case .bf16: .bf16
    case .deployed: .deployed
    }
  }
}
