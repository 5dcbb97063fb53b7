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
  /// Below its diagonal the sums so far; above it they are what they were when somebody last asked.
  private let lower: Activations
  private var isSymmetric = true

  package init(columns: Int) {
    self.columns = columns
    lower = Activations(rows: columns, columns: columns)
    lower.clear()
  }

  /// [columns, columns], symmetric: sums, not means.
  package var sums: Activations {
    if !isSymmetric { mirror() }
    isSymmetric = true
    return lower
  }

  private func mirror() {
    let columns = columns
    lower.withElements { sums in
      // Stripes of rows that stay in the cache whichever way they are walked.
      for first in stride(from: 0, to: columns, by: Self.square) {
        for row in first..<columns {
          for column in first..<min(row, first + Self.square) {
            sums[column * columns + row] = sums[row * columns + column]
          }
        }
      }
    }
  }

  private static let square = 16

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
      add(part, rows, compute)
    }
    tokens += inputs.rows
    isSymmetric = false
  }

  private static let stripe = 256

  /// Adds products of a stripe of rows with all columns up to its last one.
  private func add(_ part: Activations, _ rows: Range<Int>, _ compute: Compute) {
    let (lower, columns, width) = (lower, columns, part.columns)
    compute.each(rows.count, grain: 16) { range in
      lower.withElements { sums in
        part.withElements { part in
          for row in range {
            let (to, from) = ((rows.lowerBound + row) * columns, row * width)
            for column in 0...rows.lowerBound + row { sums[to + column] += part[from + column] }
          }
        }
      }
    }
  }
}
