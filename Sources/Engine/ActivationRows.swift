import Base

// What is done to whole rows between matrix products, shared out among the threads.

extension Activations {
  /// Adds another matrix of the same shape: the residual connection.
  package func add(_ other: Activations, _ compute: Compute) {
    precondition(rows == other.rows && columns == other.columns, "a sum needs two matrices of one shape")
    compute.each(rows, grain: 32) { part in
      let offset = part.lowerBound * columns
      compute.kernels.addScaled(other.base + offset, by: 1, to: base + offset, count: part.count * columns)
    }
  }

  /// Adds some rows of another matrix of the same width, the first of them to row `first`, the next to the next.
  package func add(_ other: Activations, _ range: Range<Int>, from first: Int, _ compute: Compute) {
    precondition(
      columns == other.columns && range.lowerBound >= 0 && range.upperBound <= other.rows, "rows of the other")
    precondition(first >= 0 && first + range.count <= rows, "rows from \(first) of \(rows)")
    compute.each(range.count, grain: 32) { part in
      let source = other.base + (range.lowerBound + part.lowerBound) * columns
      compute.kernels.addScaled(
        source, by: 1, to: base + (first + part.lowerBound) * columns, count: part.count * columns)
    }
  }

  /// The first of every two neighbouring parts of `width` columns: queries without their gates.
  package func everyOther(_ width: Int, _ compute: Compute) -> Activations {
    precondition(columns % (2 * width) == 0, "parts come in pairs")
    let parts = columns / (2 * width)
    let result = Activations(rows: rows, columns: parts * width)
    compute.each(rows, grain: 32) { range in
      for t in range {
        for part in 0..<parts {
          (result.base + t * result.columns + part * width).update(
            from: base + t * columns + 2 * part * width, count: width)
        }
      }
    }
    return result
  }

  /// Parts of `width` columns of this matrix and of another in turns, one of this first: what undoes ``everyOther(_:_:)``.
  package func alternating(with other: Activations, _ width: Int, _ compute: Compute) -> Activations {
    precondition(columns % width == 0 && rows == other.rows && columns == other.columns, "parts come in pairs")
    let result = Activations(rows: rows, columns: 2 * columns)
    compute.each(rows, grain: 32) { range in
      for t in range {
        for start in stride(from: 0, to: columns, by: width) {
          let place = result.base + t * result.columns + 2 * start
          place.update(from: base + t * columns + start, count: width)
          (place + width).update(from: other.base + t * columns + start, count: width)
        }
      }
    }
    return result
  }

  /// Some columns of every row: one of several results of a fused product.
  package func columns(_ range: Range<Int>, _ compute: Compute) -> Activations {
    precondition(range.lowerBound >= 0 && range.upperBound <= columns, "columns \(range) of \(columns)")
    let result = Activations(rows: rows, columns: range.count)
    compute.each(rows, grain: 32) { part in
      for t in part {
        (result.base + t * range.count).update(from: base + t * columns + range.lowerBound, count: range.count)
      }
    }
    return result
  }

  /// Matrices with as many rows side by side: [T, a], [T, b], … to [T, a + b + …].
  package static func sideBySide(_ parts: [Activations], _ compute: Compute) -> Activations {
    let result = Activations(rows: parts[0].rows, columns: parts.reduce(0) { $0 + $1.columns })
    precondition(parts.allSatisfy { $0.rows == result.rows }, "matrices with as many rows")
    compute.each(result.rows, grain: 32) { range in
      for t in range {
        var place = t * result.columns
        for part in parts {
          (result.base + place).update(from: part.base + t * part.columns, count: part.columns)
          place += part.columns
        }
      }
    }
    return result
  }

  /// Matrices of one width, one below the other.
  package static func stacked(_ parts: [Activations]) -> Activations {
    let result = Activations(rows: parts.reduce(0) { $0 + $1.rows }, columns: parts[0].columns)
    var row = 0
    for part in parts {
      result.replace(from: row, by: part, 0..<part.rows)
      row += part.rows
    }
    return result
  }

  /// Multiplies every value by the same factor.
  package func scale(by factor: Float, _ compute: Compute) {
    compute.each(rows, grain: 32) { part in
      Engine.scale(base + part.lowerBound * columns, by: factor, part.count * columns)
    }
  }

  /// Every value x becomes limit * tanh(x / limit): a soft cap.
  package func cap(softly limit: Float, _ compute: Compute) {
    compute.each(rows, grain: 1) { part in
      for i in part.lowerBound * columns..<part.upperBound * columns {
        // tanh(u) is 2 sigmoid(2u) - 1.
        base[i] = limit * (2 * Exponential.sigmoid(2 * base[i] / limit) - 1)
      }
    }
  }

  /// Logits become shares that add up to one, row by row.
  package func softmax(_ compute: Compute) {
    compute.each(rows, grain: 1) { part in
      for t in part {
        let row = base + t * columns
        let sum = compute.kernels.exponentials(row, minus: compute.kernels.maximum(row, count: columns), count: columns)
        Engine.scale(row, by: 1 / sum, columns)
      }
    }
  }

  /// The columns of every row in another order.
  package func ordered(_ order: BlockPermutation, _ compute: Compute) -> Activations {
    precondition(order.count <= columns, "the order is one of these columns")
    let result = Activations(rows: rows, columns: columns)
    compute.each(rows, grain: 32) { range in
      for t in range {
        order.pieces(of: 0..<columns) { source, count, place in
          (result.base + t * columns + place).update(from: base + t * columns + source, count: count)
        }
      }
    }
    return result
  }

  /// Adds the same vector to every row.
  package func add(bias: [Float], _ compute: Compute) {
    precondition(bias.count == columns, "a bias fits rows of its width")
    compute.each(rows, grain: 32) { part in
      let bias = Floats(reading: bias.span)
      for i in part { compute.kernels.addScaled(bias, by: 1, to: base + i * columns, count: columns) }
    }
  }

  /// Some rows as a matrix of their own.
  package func copy(of range: Range<Int>) -> Activations {
    let result = Activations(rows: range.count, columns: columns)
    result.replace(from: 0, by: self, range)
    return result
  }
}
