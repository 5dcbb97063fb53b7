import Base
import Engine

/// Gradients of the log probabilities of labels that are drawn from the model's own predictions.
struct LabelGradients {
  let model: any Differentiable
  let labels: SampledLabels
  /// Labels a position.
  let draws: Int

  /// Logits that are made at a time, in floats; up to three times as many are in use.
  private static let room = 1 << 24

  /// Draws labels and takes the gradients of their log probabilities back to the last layer.
  ///
  /// - Parameters:
  ///   - hidden: those states, [T, hidden].
  ///   - index: the number of the sequence, which is part of what is drawn.
  ///   - rows: the positions of which labels are drawn.
  ///   - compute: what to run on.
  /// - Returns: one matrix [T, hidden] for each draw: the gradient at the hidden states, zero in the rows without a label.
  /// - Throws: `cancelled`.
  func callAsFunction(
    _ hidden: Activations, ofSequence index: Int, rows: [Int], _ compute: Compute
  ) throws(CheckpointError) -> [Activations] {
    let result = (0..<draws).map { _ in Activations(rows: hidden.rows, columns: hidden.columns) }
    for gradient in result { gradient.clear() }
    let length = max(1, Self.room / max(1, model.vocabularySize))
    for first in stride(from: 0, to: rows.count, by: length) {
      try Cancellation.check()
      let part = Array(rows[first..<min(rows.count, first + length)])
      let chosen = hidden.gather(part, compute)
      let normed = model.normed(chosen, rows: 0..<part.count, compute: compute)
      let logits = model.logits(normed, vocabulary: 0..<model.vocabularySize, compute: compute)
      let shares = logits.copy(of: 0..<part.count)
      shares.softmax(compute)
      for draw in 0..<draws {
        let gradient = draw == draws - 1 ? shares : shares.copy(of: 0..<part.count)
        gradient.becomeLabelGradients(
          at: part.map { labels.uniform(sequence: index, position: $0, draw: draw) }, compute)
        let atNormed = model.backwardThroughHead(gradient, logits: logits, compute: compute)
        let back = model.backwardThroughNorm(atNormed, hidden: chosen, compute: compute)
        for (place, row) in part.enumerated() { result[draw].replace(from: row, by: back, place..<place + 1) }
      }
    }
    return result
  }
}

extension Activations {
  /// A distribution p becomes onehot(label) - p, row by row, where the label is the one at a number between 0 and 1.
  fileprivate func becomeLabelGradients(at numbers: [Double], _ compute: Compute) {
    compute.product.pool.run(count: rows) { row, _ in
      withElements { all in
        let values = UnsafeMutableBufferPointer(rebasing: all[row * columns..<(row + 1) * columns])
        let label = SampledLabels.token(at: numbers[row], of: UnsafeBufferPointer(values))
        for i in values.indices { values[i] = -values[i] }
        values[label] += 1
      }
    }
  }
}
