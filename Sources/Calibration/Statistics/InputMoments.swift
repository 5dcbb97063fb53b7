import Base
import Engine

/// The mean product of each two inputs of a matrix, over the tokens that reached it: H = X^T X / T.
///
/// Tokens are added batch after batch; the sums of a batch are taken in one fixed order, so that the bits depend on the batches alone and not
/// on threads.
package final class InputMoments {
  /// Inputs of the matrix.
  package let columns: Int
  /// Tokens added so far.
  package private(set) var tokens = 0
  /// [columns, columns], symmetric: sums, not means.
  package let sums: Activations

  package init(columns: Int) {
    self.columns = columns
    sums = Activations(rows: columns, columns: columns)
    sums.clear()
  }

  /// Adds the inputs of some tokens, [T, columns].
  package func add(_ inputs: Activations, _ compute: Compute) throws(CheckpointError) {
    precondition(inputs.columns == columns, "inputs of this matrix")
    guard inputs.rows > 0 else { return }
    let turned = inputs.transposed(compute)
    // Each stripe of rows only up to its own diagonal: the other half is the same.
    let stripe = Self.stripe
    let weights = try turned.asWeights()
    for first in stride(from: 0, to: columns, by: stripe) {
      let rows = first..<min(columns, first + stripe)
      let part = compute.product(turned.copy(of: rows), weights.rows(0..<rows.upperBound))
      for row in rows { add(part, row: row, from: row - first) }
    }
    tokens += inputs.rows
  }

  private static let stripe = 256

  private func add(_ part: Activations, row: Int, from source: Int) {
    let width = part.columns
    sums.withElements { sums in
      part.withElements { part in
        for column in 0...row {
          let value = sums[row * columns + column] + part[source * width + column]
          sums[row * columns + column] = value
          sums[column * columns + row] = value
        }
      }
    }
  }
}
