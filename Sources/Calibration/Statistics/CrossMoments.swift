import Base
import Engine

/// Sums of products of two sets of values at the same tokens: A^T B.
package final class CrossMoments {
  /// [columns of A, columns of B].
  package let sums: Activations

  package init(rows: Int, columns: Int) {
    sums = Activations(rows: rows, columns: columns)
    sums.clear()
  }

  /// Adds some tokens: [T, columns of A] and [T, columns of B].
  package func add(_ a: Activations, _ b: Activations, _ compute: Compute) throws(CheckpointError) {
    precondition(a.rows == b.rows && a.columns == sums.rows && b.columns == sums.columns, "values of the same tokens")
    guard a.rows > 0 else { return }
    let (turned, weights) = (a.transposed(compute), try b.transposed(compute).asWeights())
    for first in stride(from: 0, to: sums.rows, by: Self.stripe) {
      let rows = first..<min(sums.rows, first + Self.stripe)
      sums.add(compute.product(turned.copy(of: rows), weights), 0..<rows.count, from: first, compute)
    }
  }

  private static let stripe = 512
}

extension Activations {
  /// a times this matrix plus b times another of the same shape, in memory of its own.
  func mixed(_ a: Float, _ other: Activations, _ b: Float, _ compute: Compute) -> Activations {
    precondition(rows == other.rows && columns == other.columns, "matrices of one shape")
    let result = Activations(rows: rows, columns: columns)
    let width = columns
    compute.each(rows, grain: 16) { range in
      result.withElements { result in
        withElements { x in
          other.withElements { y in
            for i in range.lowerBound * width..<range.upperBound * width { result[i] = a * x[i] + b * y[i] }
          }
        }
      }
    }
    return result
  }
}
