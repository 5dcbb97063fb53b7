import Base
import Engine
import Runtime

/// Log-probabilities of given next tokens, computed without ever holding a whole row of logits.
package enum LogProbability {
  /// Columns of the head that are computed together.
  static let tile = 8192
  /// Rows that are scored together.
  static let block = 512

  /// ln p(target) for some rows of hidden states: row `rows.lowerBound + i` predicts `targets[i]`.
  ///
  /// The head is walked in tiles of the vocabulary with a running maximum and sum, sums in double precision, so a vocabulary of any size
  /// and of any number of rows takes 512 x 8192 floats.
  /// - Throws: `mismatch` for a target outside the vocabulary, and `malformed`
  ///   when logits are not numbers.
  package static func of(
    _ targets: [Int32], predictedBy hidden: Activations, rows: Range<Int>, model: any LanguageModel, compute: Compute
  ) throws(CheckpointError) -> [Double] {
    precondition(targets.count == rows.count, "one target for each row")
    let vocabulary = model.vocabularySize
    for target in targets where target < 0 || target >= vocabulary {
      throw CheckpointError(.mismatch, "token \(target) is outside the model's vocabulary of \(vocabulary)")
    }
    var result: [Double] = []
    result.reserveCapacity(rows.count)
    for part in TextPass.blocks(of: rows.count, block) {
      let normed = model.normed(
        hidden, rows: rows.lowerBound + part.lowerBound..<rows.lowerBound + part.upperBound, compute: compute)
      var sums = [RunningSum](repeating: RunningSum(), count: part.count)
      var chosen = [Float](repeating: 0, count: part.count)
      for start in stride(from: 0, to: vocabulary, by: tile) {
        let columns = start..<min(start + tile, vocabulary)
        let logits = model.logits(normed, vocabulary: columns, compute: compute)
        RunningSum.add(logits, to: &sums, compute)
        for (row, target) in targets[part].enumerated() where columns.contains(Int(target)) {
          chosen[row] = logits[row, Int(target) - start]
        }
      }
      result += zip(chosen, sums).map { Double($0) - $1.logarithm }
    }
    // One logit that is not a number spoils the sum of its row, so that looking at the sums is enough.
    guard result.allSatisfy(\.isFinite) else { throw LogitCheck.failure }
    return result
  }
}
