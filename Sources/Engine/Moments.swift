import Base
import Quants

// What sums over tokens need: matrices turned around, and activations as the other side of a product.

extension Activations {
  /// Rows become columns: [T, n] to [n, T].
  package func transposed(_ compute: Compute) -> Activations {
    let result = Activations(rows: columns, columns: rows)
    // Squares of 16 by 16 stay in the first-level cache whichever way they are walked.
    compute.each(columns, grain: 16) { range in
      for first in stride(from: 0, to: rows, by: 16) {
        let last = min(rows, first + 16)
        for column in range {
          for row in first..<last { result.base[column * rows + row] = base[row * columns + column] }
        }
      }
    }
    return result
  }

  /// The same numbers as a matrix to multiply by: y = x W^T has a column for each row.
  package func asWeights() throws(CheckpointError) -> WeightMatrix {
    let bytes = withElements { UnsafeRawBufferPointer($0) }
    return try WeightMatrix(rows: rows, columns: columns, type: .f32, bytes: bytes, owner: self, kernels: .best)
  }
}

extension MatrixProduct {
  /// x W^T: [T, columns] to [T, rows], for some or all tokens of a batch.
  package func callAsFunction(_ x: Activations, _ weight: WeightMatrix, of batch: Int? = nil) -> Activations {
    let result = Activations(rows: x.rows, columns: weight.rows)
    x.withElements { x in
      result.withElements { y in
        multiply(UnsafeBufferPointer(x), tokens: result.rows, by: weight, into: y, of: batch)
      }
    }
    return result
  }
}
