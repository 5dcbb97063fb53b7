/// The matrix product written out: what ``MatrixProduct`` computes, one output at a time.
package enum PlainProduct {
  /// One output: columns in blocks, in a block one chain of multiply-adds from zero, block sums added in order.
  ///
  /// - Parameters:
  ///   - x: the token.
  ///   - row: the weights of the output, decoded.
  ///   - isFused: whether a multiply-add rounds once, as at every level but `portable`.
  /// - Returns: the output, to the bit.
  package static func output(_ x: [Float], _ row: [Float], isFused: Bool) -> Float {
    var total: Float = 0
    for first in stride(from: 0, to: row.count, by: MatrixProduct.columnBlock) {
      var sum: Float = 0
      for column in first..<min(row.count, first + MatrixProduct.columnBlock) {
        sum = isFused ? sum.addingProduct(x[column], row[column]) : sum + x[column] * row[column]
      }
      total = first == 0 ? sum : total + sum
    }
    return total
  }

  /// y = x W^T.
  ///
  /// - Parameters:
  ///   - x: inputs, [tokens, w.columns].
  ///   - tokens: rows of x.
  ///   - w: the weights.
  ///   - isFused: see ``output(_:_:isFused:)``.
  /// - Returns: outputs, [tokens, w.rows].
  package static func multiply(_ x: [Float], tokens: Int, by w: WeightMatrix, isFused: Bool) -> [Float] {
    var y = [Float](repeating: 0, count: tokens * w.rows)
    var weights = [Float](repeating: 0, count: w.columns)
    for row in 0..<w.rows {
      weights.withUnsafeMutableBufferPointer { w.decode(row: row, into: $0) }
      for token in 0..<tokens {
        y[token * w.rows + row] = output(
          Array(x[token * w.columns..<(token + 1) * w.columns]), weights, isFused: isFused)
      }
    }
    return y
  }
}
