import Base
import Engine
import Quants

/// Rounds matrices that read the same inputs so that their outputs change little.
///
/// What is kept small is (Q - T) H (Q - T)^T for every row: Q the values stored, T the target, H the damped moments of the inputs. Weights are
/// rounded column by column while the error of each moves the targets of those behind it (GPTQ, LDLQ), then scales and levels go downhill
/// on the same objective; see `docs/rounding.md`. Rows do not know of each other: bytes depend on no number of threads.
package final class MatrixRounding: Sendable {
  private let moments: DampedMoments
  private let factor: TriangularFactor
  private let compute: Compute

  /// Factors the moments of inputs.
  ///
  /// - Parameters:
  ///   - moments: the inputs of the matrices; without any token all columns count alike.
  ///   - compute: kernels and threads.
  ///   - damping: what is added to the diagonal, in units of its mean.
  /// - Throws: `malformed` when the moments are not those of any numbers.
  package init(moments: InputMoments, compute: Compute, damping: Double = 0.1) throws(CheckpointError) {
    self.moments = try DampedMoments(moments, damping: damping)
    factor = try TriangularFactor(self.moments, compute)
    self.compute = compute
  }

  /// Inputs of the matrices.
  package var columns: Int { moments.columns }

  /// The weights [R, n] whose outputs on these inputs come nearest to outputs that differ: W + M H^-1.
  ///
  /// - Parameters:
  ///   - weights: W.
  ///   - correction: M, the sum over the moments' tokens of what is wanted more of each output times each input, [R, n].
  /// - Returns: the weights, [R, n].
  package func target(_ weights: Activations, correction: Activations) -> Activations {
    precondition(weights.columns == columns && correction.columns == columns, "matrices of these inputs")
    precondition(weights.rows == correction.rows, "a correction for every row")
    let result = correction.copy(of: 0..<correction.rows)
    factor.solve(result, moments, compute)
    weights.withElements { weights in
      result.withElements { sum in for i in sum.indices { sum[i] += weights[i] } }
    }
    return result
  }

  /// Rounds a matrix.
  ///
  /// Formats that are grids (``GridCodec``) get feedback from column to column and descent; all others feedback from block to block of 256
  /// columns only.
  ///
  /// - Parameters:
  ///   - target: the values wanted, [R, n].
  ///   - type: how they are stored.
  ///   - sweeps: rounds of descent.
  /// - Returns: the bytes, and what they cost.
  /// - Throws: `unsupported` for a type without an encoder, `malformed` when rows are not whole blocks or a target is not a number.
  package func round(
    _ target: Activations, as type: TensorType, sweeps: Int = 2
  ) throws(CheckpointError) -> RoundedMatrix {
    precondition(target.columns == columns, "a matrix of these inputs")
    let rowBytes = try type.byteCount(columns: columns)
    let codec = try RowCodec(type, kernels: compute.kernels.kernels)
    if let place = target.withElements({ compute.kernels.kernels.firstNonFinite(.f32, UnsafeRawBufferPointer($0)) }) {
      let (row, column) = place.quotientAndRemainder(dividingBy: columns)
      throw CheckpointError(.malformed, "the target of row \(row), column \(column) is not a finite number")
    }
    guard DampedMoments.block % type.blockElements == 0 else {
      throw CheckpointError(.unsupported, "\(type) has blocks of \(type.blockElements) weights, which are not rounded")
    }
    let job = RoundingJob(moments, factor, target, codec, rowBytes: rowBytes, sweeps: sweeps, compute.kernels)
    return job.run(compute.product.pool)
  }
}

/// The stored rows of a matrix and what rounding cost.
package struct RoundedMatrix: Sendable {
  /// All rows, one after another.
  package let bytes: [UInt8]
  /// The objective after feedback: the mean over tokens of the squared error of all outputs together, damping included.
  package let afterFeedback: Double
  /// The same in the end.
  package let objective: Double
}
