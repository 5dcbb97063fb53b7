import Base

// The loops between matrix products, shared out by rows.

extension Activations {
  /// Adds another matrix of the same shape: the residual connection.
  package func add(_ other: Activations, _ compute: Compute) {
    precondition(rows == other.rows && columns == other.columns, "a sum needs two matrices of one shape")
    compute.each(rows, grain: 32) { part in
      let offset = part.lowerBound * columns
      compute.kernels.addScaled(other.base + offset, by: 1, to: base + offset, count: part.count * columns)
    }
  }
}

extension Activations {
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
}

extension Activations {
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
}

/// gate <- silu(gate) * up, the middle of a gated feed-forward layer.
package func siluProduct(gate: Activations, up: Activations, _ compute: Compute) {
  precondition(gate.rows == up.rows && gate.columns == up.columns, "gate and up have one shape")
  let columns = gate.columns
  compute.each(gate.rows, grain: 8) { part in
    let offset = part.lowerBound * columns
    compute.kernels.siluProduct(gate: gate.base + offset, up: up.base + offset, count: part.count * columns)
  }
}

/// x <- x * sigmoid(gate): x is [T, heads * n], and the gates are the second half of each head of [T, heads * (n | n)].
package func gateAttention(
  _ x: Activations, by queriesAndGates: Activations, heads: Int, _ compute: Compute
) {
  precondition(queriesAndGates.rows == x.rows && queriesAndGates.columns == 2 * x.columns)
  let width = x.columns / heads
  compute.each(x.rows, grain: 8) { part in
    for t in part {
      for head in 0..<heads {
        let gate = queriesAndGates.base + t * queriesAndGates.columns + (2 * head + 1) * width
        compute.kernels.multiply(x.base + t * x.columns + head * width, bySigmoidOf: gate, count: width)
      }
    }
  }
}

extension RotaryEmbedding {
  /// Normalises each head of [T, heads * n] and turns it by its token's position.
  package func normAndRotate(
    _ x: Activations, heads: Int, norm: RMSNorm, turns: Activations, _ compute: Compute
  ) {
    let width = x.columns / heads
    precondition(norm.weight.count == width && width >= dimension && turns.rows == x.rows)
    compute.each(x.rows, grain: 8) { part in
      for t in part {
        for head in 0..<heads {
          let start = x.base + t * x.columns + head * width
          norm.apply(to: start, compute.kernels)
          rotate(start, turns.base + t * turns.columns)
        }
      }
    }
  }
}

extension RMSNorm {
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
