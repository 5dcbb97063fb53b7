import Architectures
import Quants
import Libc

extension TensorDifference {
  /// The part of a model that a tensor belongs to, by what its name says.
  package enum Component: String, Sendable, CaseIterable {
    case embedding
    case attention
    case linearAttention = "linear_attention"
    case feedForward = "feed_forward"
    case norms
    case head
    case vision
    case other
  }

  package var component: Component {
    if isVision { return .vision }
    if name == "output.weight" { return .head }
    if name.hasPrefix("token_embd.") { return .embedding }
    if name.contains(".ssm_") || name.contains(".attn_qkv.") || name.contains(".attn_gate.") { return .linearAttention }
    if name.contains("_norm.") { return .norms }
    if name.contains(".attn_") { return .attention }
    if name.contains(".ffn_") { return .feedForward }
    return .other
  }
}

extension TensorDifference {
  /// The decoder layer it belongs to; nil for one outside of them.
  package var layer: Int? { TensorName.layer(of: name) }

  /// About the relative error of weights that are spread as usual, by what the type spends on each: half as large for every bit more.
  var expectedError: Double {
    guard let type = TensorType(name: typeAfter), type.isBlock else { return 0 }
    return 2 * exp2(-Double(type.blockBytes * 8) / Double(type.blockElements))
  }
}

/// How far the weights of one part of a model are from those before.
package struct ComponentDifference: Sendable, Equatable {
  package let component: TensorDifference.Component
  package let tensors: Int
  package let weights: Int
  /// The root of the mean square of the tensors' relative errors, each counted by its weights.
  package let relativeError: Double
  /// The tensor that is furthest off.
  package let worst: String

  /// Sums up tensors, the worst first, part by part.
  package static func all(_ tensors: [TensorDifference]) -> [ComponentDifference] {
    TensorDifference.Component.allCases.compactMap { component in
      let own = tensors.filter { $0.component == component }
      guard let worst = own.first else { return nil }
      let weights = own.reduce(0) { $0 + $1.count }
      let squares = own.reduce(0.0) { $0 + Double($1.count) * $1.relativeError * $1.relativeError }
      return ComponentDifference(
        component: component, tensors: own.count, weights: weights,
        relativeError: (squares / Double(weights)).squareRoot(), worst: worst.name)
    }
  }
}
