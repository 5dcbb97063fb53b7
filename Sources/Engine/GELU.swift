/// The two forms of the Gaussian error linear unit, x * P(X <= x) for a standard normal X.
package enum GELU {
  /// sqrt(2/pi), and what x^3 is multiplied by, in the approximation.
  static let slope: Float = 0.797_884_56
  static let cubic: Float = 0.044_715

  /// x <- x / 2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))), the approximation.
  ///
  /// Computed as x * sigmoid(2u), which is the same number.
  package static func approximate(_ x: Activations, _ compute: Compute) {
    let columns = x.columns
    compute.each(x.rows, grain: 8) { part in
      let start = x.base + part.lowerBound * columns
      let count = part.count * columns
      let twice = Activations(rows: 1, columns: count)
      let gate = twice.base
      var i = 0
      while i + 8 <= count {
        let v = start.lanes(i)
        gate.store(v * (v * v * (2 * slope * cubic) + 2 * slope), i)
        i += 8
      }
      while i < count {
        let v = start[i]
        gate[i] = v * (v * v * (2 * slope * cubic) + 2 * slope)
        i += 1
      }
      compute.kernels.multiply(start, bySigmoidOf: gate, count: count)
    }
  }

  /// gate <- gelu(gate) * up, the middle of a gated feed-forward layer, by the approximation.
  package static func product(gate: Activations, up: Activations, _ compute: Compute) {
    precondition(gate.rows == up.rows && gate.columns == up.columns, "gate and up have one shape")
    approximate(gate, compute)
    let columns = gate.columns
    compute.each(gate.rows, grain: 8) { part in
      for i in part.lowerBound * columns..<part.upperBound * columns { gate.base[i] *= up.base[i] }
    }
  }

  /// x <- x / 2 * (1 + erf(x / sqrt(2))), the definition.
  package static func exact(_ x: Activations, _ compute: Compute) {
    let columns = x.columns
    compute.each(x.rows, grain: 8) { part in
      for i in part.lowerBound * columns..<part.upperBound * columns {
        let v = x.base[i]
        x.base[i] = 0.5 * v * (1 + Exponential.errorFunction(v * 0.707_106_77))
      }
    }
  }
}
