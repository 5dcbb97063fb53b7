extension Compute {
  /// Columns of a tile of decoded weights; a whole number of blocks of every type.
  private static let tileColumns = 256
  /// Rows of it; with the padding it stays in the second-level cache.
  private static let tileRows = 256
  /// Keeps neighbouring rows out of each other's cache sets.
  private static let tilePadding = 16

  /// The gradient at the outputs of y = x W^T, [T, rows], times W: what it is at x, [T, columns].
  ///
  /// Each number is one chain of multiply-adds over the rows of W in order, so threads change no bit.
  package func backward(_ gradient: Activations, through weight: WeightMatrix) -> Activations {
    precondition(gradient.columns == weight.rows, "a gradient for each output")
    let weight = current(weight)
    let tokens = gradient.rows
    let result = Activations(rows: tokens, columns: weight.columns)
    if weight.rows == 0 { result.clear() }
    let stripes = (weight.columns + Self.tileColumns - 1) / Self.tileColumns
    // Few stripes leave threads idle: then tokens part, and weights are decoded for each part.
    let parts = max(1, min(threads / max(1, stripes), tokens / 24))
    each(stripes * parts) { range in
      let stride = Self.tileColumns + Self.tilePadding
      let tile = Activations(rows: Self.tileRows, columns: stride)
      for item in range {
        let (stripe, part) = item.quotientAndRemainder(dividingBy: parts)
        let first = stripe * Self.tileColumns
        let count = min(Self.tileColumns, weight.columns - first)
        let (from, to) = (tokens * part / parts, tokens * (part + 1) / parts)
        for row in Swift.stride(from: 0, to: weight.rows, by: Self.tileRows) {
          let rows = min(Self.tileRows, weight.rows - row)
          tile.withElements { all in
            for i in 0..<rows {
              weight.decode(
                row: row + i, first: first, count: count,
                into: UnsafeMutableBufferPointer(rebasing: all[i * stride..<i * stride + count]))
            }
          }
          kernels.dense(
            MatrixPart(gradient.base + (from * gradient.columns + row), stride: gradient.columns),
            MatrixPart(tile.base, stride: stride),
            into: result.base + (from * result.columns + first), stride: result.columns, m: to - from, n: count,
            k: rows, accumulate: row > 0)
        }
      }
    }
    return result
  }

  /// The same, and shows the product to a visitor; `inputs` is x, [T, columns].
  package func backward(
    _ gradient: Activations, of inputs: Activations, through weight: WeightMatrix, _ visit: GradientVisitor?
  ) -> Activations {
    let result = backward(gradient, through: weight)
    visit?(ProductGradient(weight: weight, inputs: inputs, atOutputs: gradient, atInputs: result))
    return result
  }
}

extension Activations {
  /// The dot product of each row with the same row of another matrix of this shape.
  package func dots(_ other: Activations, _ compute: Compute) -> [Float] {
    precondition(rows == other.rows && columns == other.columns, "dot products need two matrices of one shape")
    let result = Activations(rows: rows, columns: 1)
    compute.each(rows, grain: 16) { part in
      for t in part {
        result.base[t] = compute.kernels.dot(base + t * columns, other.base + t * columns, count: columns)
      }
    }
    return result.values
  }
}
