import Base
import Engine

/// How far predictions are apart that two models make from the states behind their last layers.
struct HiddenDivergence {
  let model: any LanguageModel
  let kernels: EngineKernels
  /// Rows of logits that are made together: two such blocks of the largest vocabularies take 128 MiB.
  private let block: Int

  init(_ model: any LanguageModel, _ compute: Compute) {
    self.model = model
    kernels = compute.kernels
    block = max(8, min(256, (128 << 20) / (2 * model.vocabularySize * MemoryLayout<Float>.stride)))
  }

  /// Σ KL(before ‖ after) over some rows of hidden states, [T, hidden] each; the second are read by `compute`'s replaced head where there is one.
  ///
  /// - Throws: `malformed` when logits are not numbers.
  func sum(
    _ before: Activations, _ after: Activations, rows: [Int], _ compute: Compute
  ) throws(CheckpointError) -> Double {
    var original = compute
    original.replaced = [:]
    var sum = 0.0
    for first in stride(from: 0, to: rows.count, by: block) {
      let part = rows[first..<min(rows.count, first + block)]
      let p = logits(before, part, original)
      let q = logits(after, part, compute)
      for row in 0..<part.count {
        let (p, q) = (LogitRow(p, row: row, kernels), LogitRow(q, row: row, kernels))
        guard p.logSum.isFinite, q.logSum.isFinite else {
          throw CheckpointError(.malformed, "the model's predictions are not numbers")
        }
        sum += p.divergence(from: q, kernels).forward
      }
    }
    return sum
  }

  private func logits(_ hidden: Activations, _ rows: ArraySlice<Int>, _ compute: Compute) -> Activations {
    let chosen = Activations(rows: rows.count, columns: hidden.columns)
    for (place, row) in rows.enumerated() { chosen.replace(from: place, by: hidden, row..<row + 1) }
    let normed = model.normed(chosen, rows: 0..<rows.count, compute: compute)
    return model.logits(normed, vocabulary: 0..<model.vocabularySize, compute: compute)
  }
}
