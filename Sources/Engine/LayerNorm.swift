/// Layer normalization: (x - mean) / sqrt(variance + epsilon) * weight + bias.
package struct LayerNorm: Sendable {
  package let weight: [Float]
  package let bias: [Float]
  package let epsilon: Float

  /// A norm over as many neighbours as there are weights.
  package init(weight: [Float], bias: [Float], epsilon: Float) {
    precondition(weight.count == bias.count, "a bias for each weight")
    self.weight = weight
    self.bias = bias
    self.epsilon = epsilon
  }

  /// Each row of `x` normalised as a new row: [T, n] to [T, n].
  package func callAsFunction(_ x: Activations, _ compute: Compute) -> Activations {
    precondition(x.columns == weight.count, "a norm fits rows of its width")
    let result = Activations(rows: x.rows, columns: x.columns)
    let count = x.columns
    let ones = [Float](repeating: 1, count: count)
    compute.each(x.rows, grain: 16) { part in
      let ones = Floats(reading: ones.span)
      for i in part {
        let row = result.base + i * count
        row.update(from: x.base + i * count, count: count)
        let mean = compute.kernels.dot(row, ones, count: count) / Float(count)
        compute.kernels.addScaled(ones, by: -mean, to: row, count: count)
        let variance = compute.kernels.dot(row, row, count: count) / Float(count)
        compute.kernels.scale(
          row, by: 1 / (variance + epsilon).squareRoot(), and: Floats(reading: weight.span), count: count)
        compute.kernels.addScaled(Floats(reading: bias.span), by: 1, to: row, count: count)
      }
    }
    return result
  }
}
