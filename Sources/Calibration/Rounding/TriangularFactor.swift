import Base
import Engine

/// The factor of moments: H = U^T P U, U lower triangular with ones on its diagonal, P a diagonal of pivots.
///
/// An error e_k in column k is made good best by moving the target of every later column j by -e_k U_jk, and what an error in column j
/// then costs is P_j times its square. Rows of U are found from the last up, blocks of 256 at a time: squares of blocks in double
/// precision, the rest by matrix products.
final class TriangularFactor: Sendable {
  /// The rows of each block from column 0 to the block's own end, [w, end].
  let stripes: [Activations]
  /// The inverse of each block's own square, [w, w].
  let inverses: [Activations]
  /// P.
  let pivots: [Float]

  /// Factors moments.
  ///
  /// - Throws: `malformed` when they are not positive definite.
  init(_ moments: DampedMoments, _ compute: Compute) throws(CheckpointError) {
    var stripes = moments.blocks.map { block in
      let stripe = Activations(rows: block.count, columns: block.upperBound)
      stripe.withElements { all in
        guard let base = all.baseAddress else { return }
        for row in block {
          moments.copy(row: row, 0..<block.upperBound, to: base + (row - block.lowerBound) * block.upperBound)
        }
      }
      return stripe
    }
    var inverses: [Activations] = []
    var pivots = [Float](repeating: 0, count: moments.columns)
    for (number, block) in moments.blocks.enumerated().reversed() {
      let square = try Square(stripes[number], block)
      for i in 0..<block.count { pivots[block.lowerBound + i] = Float(square.pivots[i] * square.pivots[i]) }
      inverses.append(square.unitInverse)
      guard number > 0 else {
        stripes[0] = square.unit
        break
      }
      // P^T = A^T S^T, the new rows turned around.
      let before = stripes[number].columns(0..<block.lowerBound).transposed(compute)
      let turned = compute.product(before, try square.solver.asWeights())
      let weights = try turned.asWeights()
      for other in moments.blocks[..<number] {
        let index = other.lowerBound / DampedMoments.block
        let product = compute.product(turned.copy(of: other), weights.rows(0..<other.upperBound))
        stripes[index].subtract(product, compute)
      }
      stripes[number] = square.joined(turned.transposed(compute))
    }
    self.stripes = stripes
    self.inverses = inverses.reversed()
    self.pivots = pivots
  }

  /// What an error in each column costs when all columns behind its block answer for it: the diagonal of what is left of H there.
  func conditional(_ moments: DampedMoments) -> [Float] {
    var costs = [Double](repeating: 0, count: moments.columns)
    for (stripe, block) in zip(stripes, moments.blocks) {
      for row in 0..<block.count {
        for column in block.lowerBound...block.lowerBound + row {
          let value = Double(stripe[row, column])
          costs[column] += Double(pivots[block.lowerBound + row]) * value * value
        }
      }
    }
    return costs.map { Float($0) }
  }

  /// The square of a block, factored.
  private struct Square {
    /// Its unit factor [w, w].
    let unit: Activations
    /// The inverse of that.
    let unitInverse: Activations
    /// S = F^-T, which turns the columns before the block into rows of F.
    let solver: Activations
    /// The diagonal of F.
    let pivots: [Double]

    init(_ stripe: Activations, _ block: Range<Int>) throws(CheckpointError) {
      let n = block.count
      let f = Room<Double>(n * n, 0)
      let x = Room<Double>(n * n, 0)
      for i in 0..<n {
        for j in 0...i { f.base[i * n + j] = Double(stripe[i, block.lowerBound + j]) }
      }
      guard SmallFactor.factor(f.base, n) else {
        throw CheckpointError(
          .malformed, "moments of inputs \(block.lowerBound) to \(block.upperBound - 1) are not positive definite")
      }
      SmallFactor.invert(f.base, n, into: x.base)
      let pivots = (0..<n).map { f.base[$0 * n + $0] }
      self.pivots = pivots
      (unit, unitInverse, solver) = (
        Activations(rows: n, columns: n), Activations(rows: n, columns: n), Activations(rows: n, columns: n)
      )
      for i in 0..<n {
        for j in 0..<n {
          unit[i, j] = j <= i ? Float(f.base[i * n + j] / pivots[i]) : 0
          unitInverse[i, j] = Float(x.base[i * n + j] * pivots[j])
          solver[i, j] = Float(x.base[j * n + i])
        }
      }
    }

    /// Rows of the unit factor from rows of F before the block.
    func joined(_ rows: Activations) -> Activations {
      let result = Activations(rows: rows.rows, columns: rows.columns + unit.columns)
      for i in 0..<rows.rows {
        let inverse = Float(1 / pivots[i])
        for j in 0..<rows.columns { result[i, j] = rows[i, j] * inverse }
        for j in 0..<unit.columns { result[i, rows.columns + j] = unit[i, j] }
      }
      return result
    }
  }
}

extension Activations {
  /// A copy of some columns.
  fileprivate func columns(_ range: Range<Int>) -> Activations {
    let result = Activations(rows: rows, columns: range.count)
    withElements { from in
      result.withElements { to in
        guard let from = from.baseAddress, let to = to.baseAddress else { return }
        for row in 0..<rows {
          (to + row * range.count).update(from: from + row * columns + range.lowerBound, count: range.count)
        }
      }
    }
    return result
  }

  /// Subtracts a matrix of the same shape.
  fileprivate func subtract(_ other: Activations, _ compute: Compute) {
    precondition(rows == other.rows && columns == other.columns, "matrices of one shape")
    let (to, from) = (withElements { SharedAddress($0) }, other.withElements { SharedAddress($0) })
    compute.product.pool.run(count: rows) { row, _ in
      for i in row * columns..<(row + 1) * columns { to.value[i] -= from.value[i] }
    }
    withExtendedLifetime((self, other)) {}
  }
}
