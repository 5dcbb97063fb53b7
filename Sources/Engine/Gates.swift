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
