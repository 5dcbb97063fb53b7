/// How far the distributions p and q of two rows of logits are apart, in nats.
package struct RowDivergence: Sendable, Equatable {
  /// Σ p ln(p/q).
  package let forward: Double
  /// Σ q ln(q/p).
  package let backward: Double
  /// ½ KL(p‖m) + ½ KL(q‖m) with m = (p + q) / 2.
  package let jensenShannon: Double
  /// Σ |p - q|.
  package let variation: Double
  /// -Σ p ln p.
  package let entropy: Double
}

/// One row of logits, with what every comparison needs of it.
package struct LogitRow {
  private let logits: Activations
  private let row: Int
  /// ln Σ e^logit, in double precision; not finite when a logit is not.
  package let logSum: Double
  /// The likeliest tokens, likeliest first; of equals, the lower id comes first.
  package let top: TopTokens

  /// Tokens in ``top``.
  package static let topCount = 5

  /// Sums up a row of logits [rows, vocabulary].
  package init(_ logits: Activations, row: Int, _ kernels: EngineKernels) {
    precondition(row >= 0 && row < logits.rows, "row \(row) of \(logits.rows)")
    self.logits = logits
    self.row = row
    let values = logits.base + row * logits.columns
    let largest = Double(kernels.maximum(values, count: logits.columns))
    logSum = largest + Exponential.logarithm(kernels.sumOfExponentials(values, minus: largest, count: logits.columns))
    top = Self.likeliest(values, count: logits.columns, kernels)
  }

  /// ln of a token's probability.
  package func logProbability(_ token: Int32) -> Double { Double(logits[row, Int(token)]) - logSum }

  /// ln of the probability of the first `count` tokens, of all where that is the vocabulary.
  package func logProbabilities(_ count: Int) -> [Double] {
    precondition(count <= logits.columns, "tokens of the vocabulary")
    let values = logits.base + row * logits.columns
    return [Double](unsafeUninitializedCapacity: count) { result, filled in
      for token in 0..<count { result.initializeElement(at: token, to: Double(values[token]) - logSum) }
      filled = count
    }
  }

  /// How far a row of another model is from this one; both have the same vocabulary.
  package func divergence(from after: LogitRow, _ kernels: EngineKernels) -> RowDivergence {
    precondition(logits.columns == after.logits.columns, "rows of one vocabulary")
    return kernels.divergence(
      before: logits.base + row * logits.columns, logSum,
      after: after.logits.base + after.row * after.logits.columns, after.logSum, count: logits.columns)
  }

  /// Looks at most of a row only at its largest value, chunk by chunk.
  private static func likeliest(_ values: Floats, count: Int, _ kernels: EngineKernels) -> TopTokens {
    let chunk = 256
    var best: [(id: Int32, logit: Float)] = []
    for first in stride(from: 0, to: count, by: chunk) {
      let length = min(chunk, count - first)
      if best.count == topCount, kernels.maximum(values + first, count: length) <= best[topCount - 1].logit { continue }
      for id in first..<first + length {
        let logit = values[id]
        if best.count == topCount {
          guard logit > best[topCount - 1].logit else { continue }
          best.removeLast()
        }
        best.insert((Int32(id), logit), at: best.firstIndex { $0.logit < logit } ?? best.count)
      }
    }
    return TopTokens(best.map(\.id))
  }
}
