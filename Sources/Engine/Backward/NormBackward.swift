extension RMSNorm {
  /// Takes a gradient back through the norm of rows, or of each head of them: [T, n] or [T, heads * n].
  ///
  /// - Parameters:
  ///   - gradient: at what the norm gives.
  ///   - x: what it was given, of the same shape.
  ///   - compute: what to run on.
  /// - Returns: with r = 1 / sqrt(mean(x^2) + epsilon) and h = gradient * weight, r h - x r^3 (h . x) / n.
  package func backward(_ gradient: Activations, of x: Activations, _ compute: Compute) -> Activations {
    let width = weight.count
    precondition(x.rows == gradient.rows && x.columns == gradient.columns && x.columns % width == 0)
    let result = Activations(rows: x.rows, columns: x.columns)
    compute.each(x.rows, grain: 8) { part in
      let (kernels, weights) = (compute.kernels, Floats(reading: weight.span))
      for start in stride(from: part.lowerBound * x.columns, to: part.upperBound * x.columns, by: width) {
        let (row, out) = (x.base + start, result.base + start)
        out.update(from: gradient.base + start, count: width)
        kernels.scale(out, by: 1, and: weights, count: width)
        let factor = 1 / (kernels.dot(row, row, count: width) / Float(width) + epsilon).squareRoot()
        let along = kernels.dot(out, row, count: width)
        scale(out, by: factor, width)
        kernels.addScaled(row, by: -factor * factor * factor * along / Float(width), to: out, count: width)
      }
    }
    return result
  }
}

/// The gradient behind ``normalizeLength(_:_:epsilon:factor:_:)`` to the one before it, in place; `x` is what was normalised.
@inline(__always)
func lengthBackward(
  _ gradient: Floats, of x: Floats, _ count: Int, epsilon: Float, factor: Float, _ kernels: EngineKernels
) {
  let inverse = 1 / (kernels.dot(x, x, count: count) + epsilon).squareRoot()
  let along = kernels.dot(gradient, x, count: count)
  scale(gradient, by: factor * inverse, count)
  kernels.addScaled(x, by: -factor * inverse * inverse * inverse * along, to: gradient, count: count)
}
