import Engine
import Libc

/// What a baseline keeps of the predictions at one position: formats/baseline.md.
///
/// With p the model before and b = ln p: the likeliest tokens, the text's, and a sample of the others that lets every model after
/// be compared without bias. A token of the sample was kept with probability min(1, p / threshold).
package struct RowSample: Sendable, Equatable {
  /// A token and ln of its probability.
  package struct Likely: Sendable, Equatable {
    package let id: Int32
    package let logProbability: Float
  }

  /// A token and how far ln of its probability is below that of the last of ``likeliest``.
  package struct Other: Sendable, Equatable {
    package let id: Int32
    /// In units of 1/2048 nat.
    package let depth: UInt16
  }

  /// Likeliest first; of equals, the lower id comes first.
  package let likeliest: [Likely]
  /// The sample, by ascending id; neither the likeliest are in it nor the text's token.
  package let others: [Other]
  /// ln p of the text's token.
  package let text: Double
  /// -Σ p ln p over the whole vocabulary.
  package let entropy: Double
  /// What all tokens that are not kept have together.
  package let remaining: Double
  /// The probability from which on every token is kept; 0 where all were.
  package let threshold: Float

  /// Tokens that are kept because they are the likeliest.
  package static let likeliestCount = 8
  /// Units of a depth in a nat.
  package static let depthUnit = 2048.0

  /// ln of the probability of a sampled token, to half a unit.
  package func logProbability(_ other: Other) -> Double {
    Double(likeliest.last?.logProbability ?? 0) - Double(other.depth) / Self.depthUnit
  }
}

extension RowSample: RecordedRow {
  /// Compares with the predictions of a model after, at a position where the text goes on with `token`.
  package func comparison(with after: LogitRow, token: Int32) -> PositionComparison {
    var sums = SampledDivergence()
    var isTextSeen = false
    for entry in likeliest {
      let isText = entry.id == token
      isTextSeen = isTextSeen || isText
      let stored = Double(entry.logProbability)
      // The text's token is known exactly; what was rounded to single precision is off by half a last bit.
      sums.add(
        before: isText ? text : stored, after: after.logProbability(entry.id),
        within: isText ? 0 : abs(stored) * 0x1p-24)
    }
    if !isTextSeen { sums.add(before: text, after: after.logProbability(token), within: 0) }
    for other in others {
      sums.add(
        before: logProbability(other), after: after.logProbability(other.id), within: 0.5 / Self.depthUnit,
        threshold: Double(threshold))
    }
    sums.close(remaining: remaining)
    let top = likeliest.prefix(LogitRow.topCount)
    var probabilities = SIMD8<Float>()
    for (place, entry) in top.enumerated() { probabilities[place] = exp(entry.logProbability) }
    return PositionComparison(
      divergence: sums.forward.estimate, reverseDivergence: sums.backward.estimate, jensenShannon: nil,
      totalVariation: nil, entropy: entropy, before: text, after: after.logProbability(token), token: token,
      topBefore: TopTokens(top.map(\.id)), topAfter: after.top, topProbabilitiesBefore: probabilities,
      topProbabilitiesAfter: after.topProbabilities,
      confidence: likeliest.first.map { exp(Double($0.logProbability)) } ?? 0,
      sampling: .init(forward: sums.forward.sure, backward: sums.backward.sure))
  }
}
