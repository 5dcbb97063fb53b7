import Engine
import Libc

/// How the predictions of two models differ at one position.
///
/// Natural logarithms; p is the model before, q the one after.
package struct PositionComparison: Sendable, Equatable {
  /// Σ p ln(p/q).
  package let divergence: Double
  /// Σ q ln(q/p).
  package let reverseDivergence: Double
  /// ½ KL(p‖m) + ½ KL(q‖m) with m = (p + q) / 2; nil where p is known in part.
  package let jensenShannon: Double?
  /// ½ Σ |p - q|; nil where p is known in part.
  package let totalVariation: Double?
  /// -Σ p ln p.
  package let entropy: Double
  /// ln p of the text's token.
  package let before: Double
  /// ln q of the text's token.
  package let after: Double
  /// The text's token.
  package let token: Int32
  /// The likeliest tokens, likeliest first.
  package let topBefore: TopTokens
  package let topAfter: TopTokens
  /// Probabilities of those tokens by the model that finds them likeliest, in their order.
  package let topProbabilitiesBefore: SIMD8<Float>
  package let topProbabilitiesAfter: SIMD8<Float>
  /// p of the likeliest token before.
  package let confidence: Double
  /// What is sure of the two divergences where p is known in part; nil where they are exact.
  package var sampling: Sampling?

  /// How far the divergences may be off.
  package struct Sampling: Sendable, Equatable {
    package let forward: SampledSum
    package let backward: SampledSum
  }

  /// Change of the text's token's probability.
  package var probabilityChange: Double { exp(after) - exp(before) }
  /// Whether both find the same token likeliest.
  package var isSameTop: Bool { topBefore.first == topAfter.first }
  /// Tokens among the five likeliest of both.
  package var topShared: Int { topBefore.count { topAfter.contains($0) } }
}

/// What is known of a sum over the vocabulary beside its estimate.
package struct SampledSum: Sendable, Equatable {
  /// Of the estimate.
  package let variance: Double
  /// What the sum is at least.
  package let lowerBound: Double
}

extension PositionComparison {
  /// Compares two rows at a position where the text goes on with `token`.
  init(_ before: LogitRow, _ after: LogitRow, token: Int32, _ kernels: EngineKernels) {
    let sums = before.divergence(from: after, kernels)
    self.init(
      divergence: sums.forward, reverseDivergence: sums.backward, jensenShannon: sums.jensenShannon,
      totalVariation: sums.variation / 2, entropy: sums.entropy, before: before.logProbability(token),
      after: after.logProbability(token), token: token, topBefore: before.top, topAfter: after.top,
      topProbabilitiesBefore: before.topProbabilities, topProbabilitiesAfter: after.topProbabilities,
      confidence: before.top.first.map { exp(before.logProbability($0)) } ?? 0)
  }
}

extension LogitRow {
  /// Probabilities of the likeliest tokens; a vector, since there is one at every position.
  var topProbabilities: SIMD8<Float> {
    var result = SIMD8<Float>()
    for (place, token) in top.enumerated() { result[place] = Float(exp(logProbability(token))) }
    return result
  }
}
