/// Root-mean-square normalisation: x / sqrt(mean(x^2) + epsilon) * weight.
///
/// The weight is the final multiplier: families that store it as an offset from one get the one added when weights are loaded.
package struct RMSNorm: Sendable {
  package let weight: [Float]
  package let epsilon: Float

  /// A norm over as many neighbours as there are weights.
  package init(weight: [Float], epsilon: Float) {
    self.weight = weight
    self.epsilon = epsilon
  }

  /// Normalises one vector in place.
  @inline(__always)
  func apply(to x: Floats, _ kernels: EngineKernels) {
    let count = weight.count
    let factor = 1 / (kernels.dot(x, x, count: count) / Float(count) + epsilon).squareRoot()
    kernels.scale(x, by: factor, and: Floats(reading: weight.span), count: count)
  }

  /// Each row of `x`, or each of some rows, normalised as new rows: [T, n] to [T, n].
  package func callAsFunction(_ x: Activations, rows: Range<Int>? = nil, _ compute: Compute) -> Activations {
    precondition(x.columns == weight.count, "a norm fits rows of its width")
    let chosen = rows ?? 0..<x.rows
    let result = Activations(rows: chosen.count, columns: x.columns)
    compute.each(chosen.count, grain: 32) { part in
      for i in part {
        let row = result.base + i * x.columns
        row.update(from: x.base + (chosen.lowerBound + i) * x.columns, count: x.columns)
        apply(to: row, compute.kernels)
      }
    }
    return result
  }
}

extension RMSNorm {
  /// Normalises each head of [T, heads * n] in place.
  package func apply(toHeadsOf x: Activations, _ compute: Compute) {
    let width = weight.count
    precondition(x.columns % width == 0, "heads are as wide as the norm")
    compute.each(x.rows, grain: 8) { part in
      for t in part {
        for start in stride(from: t * x.columns, to: (t + 1) * x.columns, by: width) {
          apply(to: x.base + start, compute.kernels)
        }
      }
    }
  }

  /// x <- norm(x) * silu(gate) for each head of the two matrices, both [T, heads * n].
  package func apply(toHeadsOf x: Activations, gate: Activations, _ compute: Compute) {
    let width = weight.count
    precondition(x.rows == gate.rows && x.columns == gate.columns && x.columns % width == 0)
    compute.each(x.rows, grain: 8) { part in
      for t in part {
        let offset = t * x.columns
        for start in stride(from: offset, to: offset + x.columns, by: width) {
          apply(to: x.base + start, compute.kernels)
        }
        compute.kernels.multiply(x.base + offset, bySiluOf: gate.base + offset, count: x.columns)
      }
    }
  }
}

/// x <- x / sqrt(sum(x^2) + epsilon) * factor: unit length, the epsilon inside the root.
@inline(__always)
func normalizeLength(
  _ x: Floats, _ count: Int, epsilon: Float, factor: Float, _ kernels: EngineKernels
) {
  scale(x, by: factor / (kernels.dot(x, x, count: count) + epsilon).squareRoot(), count)
}
