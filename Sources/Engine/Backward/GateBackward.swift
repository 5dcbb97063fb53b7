// The ways of a gradient back through gates. With s = sigmoid(a), the slope of silu(a) = a s is s (1 + a (1 - s)).

/// What stands in the middle of a gated feed-forward layer.
package enum GatedProduct: Sendable, Equatable {
  /// silu(gate) * up.
  case silu
  /// gelu(gate) * up, by the approximation.
  case gelu
  /// GPT-OSS's; see ``clampedProduct(gate:up:limit:_:)``.
  case clamped(limit: Float)

  /// gate <- the product.
  package func callAsFunction(gate: Activations, up: Activations, _ compute: Compute) {
    switch self {
    case .silu: siluProduct(gate: gate, up: up, compute)
    case .gelu: GELU.product(gate: gate, up: up, compute)
    case .clamped(let limit): clampedProduct(gate: gate, up: up, limit: limit, compute)
    }
  }

  /// The gradient at the product to those at its two sides, in place of the sides: [T, n] each.
  package func backward(_ gradient: Activations, gate: Activations, up: Activations, _ compute: Compute) {
    precondition(gate.rows == up.rows && gate.columns == up.columns, "gate and up have one shape")
    precondition(gradient.rows == gate.rows && gradient.columns == gate.columns, "a gradient for each product")
    let columns = gate.columns
    compute.each(gate.rows, grain: 8) { part in
      let (offset, count) = (part.lowerBound * columns, part.count * columns)
      let (a, u, g) = (gate.base + offset, up.base + offset, gradient.base + offset)
      let room = Activations(rows: 1, columns: count)
      let s = room.base
      // The argument of the sigmoid, then the sigmoid.
      switch self {
      case .silu: s.update(from: a, count: count)
      case .gelu:
        for i in 0..<count { s[i] = 2 * GELU.slope * a[i] * (1 + GELU.cubic * a[i] * a[i]) }
      case .clamped(let limit):
        for i in 0..<count { s[i] = 1.702 * min(a[i], limit) }
      }
      sigmoids(s, count: count, compute.kernels)
      switch self {
      case .silu:
        for i in 0..<count {
          let (x, value) = (a[i], g[i])
          a[i] = value * u[i] * s[i] * (1 + x * (1 - s[i]))
          u[i] = value * x * s[i]
        }
      case .gelu:
        for i in 0..<count {
          let (x, value) = (a[i], g[i])
          let inner = 2 * GELU.slope * (1 + 3 * GELU.cubic * x * x)
          a[i] = value * u[i] * s[i] * (1 + x * (1 - s[i]) * inner)
          u[i] = value * x * s[i]
        }
      case .clamped(let limit):
        for i in 0..<count {
          let (x, value, other) = (min(a[i], limit), g[i], max(min(u[i], limit), -limit) + 1)
          a[i] = a[i] > limit ? 0 : value * other * s[i] * (1 + 1.702 * x * (1 - s[i]))
          u[i] = abs(u[i]) > limit ? 0 : value * x * s[i]
        }
      }
    }
  }
}

/// x <- 1 / (1 + e^-x).
private func sigmoids(_ x: Floats, count: Int, _ kernels: EngineKernels) {
  let room = Activations(rows: 1, columns: count)
  room.base.update(repeating: 1, count: count)
  kernels.multiply(room.base, bySigmoidOf: x, count: count)
  x.update(from: room.base, count: count)
}

/// Takes a gradient back through ``gateAttention(_:by:heads:_:)``, x * sigmoid(gate).
///
/// - Parameters:
///   - gradient: at the products, [T, heads * n]; it becomes the one at x.
///   - x: what was gated, [T, heads * n].
///   - queriesAndGates: the gates are the second half of each head, [T, heads * (n | n)].
///   - heads: how many.
///   - compute: what to run on.
/// - Returns: the gradient at the gates, [T, heads * n].
package func gateAttentionBackward(
  _ gradient: Activations, of x: Activations, by queriesAndGates: Activations, heads: Int, _ compute: Compute
) -> Activations {
  precondition(queriesAndGates.rows == x.rows && queriesAndGates.columns == 2 * x.columns)
  precondition(gradient.rows == x.rows && gradient.columns == x.columns)
  let width = x.columns / heads
  let gates = Activations(rows: x.rows, columns: x.columns)
  compute.each(x.rows, grain: 8) { part in
    for t in part {
      for head in 0..<heads {
        let place = t * x.columns + head * width
        let (out, g, v) = (gates.base + place, gradient.base + place, x.base + place)
        out.update(from: queriesAndGates.base + t * queriesAndGates.columns + (2 * head + 1) * width, count: width)
        sigmoids(out, count: width, compute.kernels)
        for i in 0..<width {
          let s = out[i]
          out[i] = g[i] * v[i] * s * (1 - s)
          g[i] *= s
        }
      }
    }
  }
  return gates
}

extension RMSNorm {
  /// Back through ``apply(toHeadsOf:gate:_:)``, norm(x) * silu(gate): the gradients at x and at the gate, both [T, heads * n].
  package func backward(
    _ gradient: Activations, of x: Activations, gate: Activations, _ compute: Compute
  ) -> (x: Activations, gate: Activations) {
    let (normed, atGate) = (x.copy(of: 0..<x.rows), gate.copy(of: 0..<x.rows))
    apply(toHeadsOf: normed, compute)
    // As in silu(gate) * up, with what is normed as up.
    GatedProduct.silu.backward(gradient, gate: atGate, up: normed, compute)
    return (backward(normed, of: x, compute), atGate)
  }
}

extension Activations {
  /// Back through ``multiply(bySigmoidOf:_:)`` with a gate a row: the gradient at the products becomes the one at these rows, in place; that at
  /// the gates, [T, 1], is returned.
  package func backwardThroughSigmoid(of gates: Activations, rows x: Activations, _ compute: Compute) -> Activations {
    precondition(gates.rows == rows && gates.columns == 1 && x.rows == rows && x.columns == columns)
    let along = dots(x, compute)
    let result = Activations(rows: rows, columns: 1)
    for t in 0..<rows {
      let s = Exponential.sigmoid(gates[t, 0])
      result[t, 0] = along[t] * s * (1 - s)
    }
    multiply(bySigmoidOf: gates, compute)
    return result
  }
}

extension Activations {
  /// Back through ``cap(softly:_:)``: the gradient at capped values becomes the one before the cap, in place.
  ///
  /// The slope of limit * tanh(x / limit) is 1 - tanh^2; `capped` is what the cap gave.
  package func backwardThroughCap(_ limit: Float, of capped: Activations, _ compute: Compute) {
    precondition(capped.rows == rows && capped.columns == columns, "a gradient for each value")
    compute.each(rows, grain: 1) { part in
      for i in part.lowerBound * columns..<part.upperBound * columns {
        let share = capped.base[i] / limit
        base[i] *= 1 - share * share
      }
    }
  }
}
