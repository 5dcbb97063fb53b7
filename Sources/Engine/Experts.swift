/// A projection of each expert: matrices of one shape, and a bias for each output where there are any.
package struct ExpertMatrices: Sendable {
  /// One an expert, under the name of the stack, of which each is some rows.
  package let matrices: [WeightMatrix]
  /// Biases of all experts, one expert after another; empty for none.
  package let biases: [Float]

  package init(_ matrices: [WeightMatrix], biases: [Float] = []) {
    let first = matrices.first
    precondition(
      matrices.allSatisfy { $0.rows == first?.rows && $0.columns == first?.columns }, "experts have one shape")
    precondition(biases.isEmpty || biases.count == matrices.reduce(0) { $0 + $1.rows }, "a bias for each output")
    (self.matrices, self.biases) = (matrices, biases)
  }

  /// What an expert makes of some rows of a batch: [n, columns] to [n, rows].
  func callAsFunction(_ x: Activations, expert: Int, of batch: Int, _ compute: Compute) -> Activations {
    let matrix = matrices[expert]
    let y = compute(x, matrix, of: batch)
    if !biases.isEmpty { y.add(bias: Array(biases[expert * matrix.rows..<(expert + 1) * matrix.rows]), compute) }
    return y
  }
}

/// Gated feed-forward networks of which each token goes through a few: down(f(gate x, up x)), weighed and added.
///
/// Tokens are grouped by expert, and no expert sees a token that did not choose it. A token's answers are added in the order of the experts'
/// numbers, and each product's bits depend on the size of the batch at most, not on the rows beside it; so neither threads nor other tokens of the batch change a bit.
package struct Experts: Sendable {
  package let gate: ExpertMatrices  // [intermediate, hidden] each
  package let up: ExpertMatrices
  package let down: ExpertMatrices  // [hidden, intermediate] each
  package let activation: GatedProduct

  package init(gate: ExpertMatrices, up: ExpertMatrices, down: ExpertMatrices, _ activation: GatedProduct) {
    precondition(gate.matrices.count == up.matrices.count && gate.matrices.count == down.matrices.count)
    (self.gate, self.up, self.down, self.activation) = (gate, up, down, activation)
  }

  /// The weighed sum of each token's experts: [T, hidden] to [T, hidden].
  package func callAsFunction(_ x: Activations, _ choice: ExpertChoice, _ compute: Compute) -> Activations {
    precondition(choice.tokens.count == gate.matrices.count, "a choice among these experts")
    let result = Activations(rows: x.rows, columns: down.matrices.first?.rows ?? x.columns)
    result.clear()
    for (expert, tokens) in choice.tokens.enumerated() where !tokens.isEmpty {
      let rows = x.gather(tokens, compute)  // [n, hidden]
      let opened = gate(rows, expert: expert, of: x.rows, compute)  // [n, intermediate]
      let up = up(rows, expert: expert, of: x.rows, compute)
      activation(gate: opened, up: up, compute)
      result.add(down(opened, expert: expert, of: x.rows, compute), times: choice.weights[expert], to: tokens, compute)
    }
    return result
  }
}

extension Activations {
  /// Some rows, in the order asked for: [n, columns].
  package func gather(_ places: [Int], _ compute: Compute) -> Activations {
    precondition(places.allSatisfy { $0 >= 0 && $0 < rows }, "rows of \(rows)")
    let result = Activations(rows: places.count, columns: columns)
    compute.each(places.count, grain: 32) { part in
      for i in part { (result.base + i * columns).update(from: base + places[i] * columns, count: columns) }
    }
    return result
  }

  /// Adds each row of another matrix, times a factor of its own, to one of these rows; no row is named twice.
  func add(_ other: Activations, times factors: [Float], to places: [Int], _ compute: Compute) {
    precondition(other.columns == columns && other.rows == places.count && factors.count == places.count)
    compute.each(places.count, grain: 16) { part in
      for i in part {
        compute.kernels.addScaled(
          other.base + i * columns, by: factors[i], to: base + places[i] * columns, count: columns)
      }
    }
  }

  /// Multiplies each row by the logistic function of a number, [T, 1]: the gate of a shared expert.
  package func multiply(bySigmoidOf gates: Activations, _ compute: Compute) {
    precondition(gates.rows == rows && gates.columns == 1, "a gate for each row")
    compute.each(rows, grain: 32) { part in
      for t in part { Engine.scale(base + t * columns, by: Exponential.sigmoid(gates.base[t]), columns) }
    }
  }
}

/// gate <- (up + 1) g sigmoid(1.702 g) with g = min(gate, limit) and up held between -limit and limit: the middle of GPT-OSS's experts.
///
/// Source: transformers' `GptOssExperts`.
package func clampedProduct(gate: Activations, up: Activations, limit: Float, _ compute: Compute) {
  precondition(gate.rows == up.rows && gate.columns == up.columns, "gate and up have one shape")
  let columns = gate.columns
  compute.each(gate.rows, grain: 8) { part in
    let (offset, count) = (part.lowerBound * columns, part.count * columns)
    let g = gate.base + offset
    let u = up.base + offset
    let steep = Activations(rows: 1, columns: count)
    for i in 0..<count {
      g[i] = min(g[i], limit)
      steep.base[i] = g[i] * 1.702
    }
    compute.kernels.multiply(g, bySigmoidOf: steep.base, count: count)
    for i in 0..<count { g[i] *= max(min(u[i], limit), -limit) + 1 }
  }
}
