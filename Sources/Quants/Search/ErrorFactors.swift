/// How much the error of each weight counts while an encoder searches for scales.
enum ErrorFactors {
  /// The sum of squares in element order, in 32-bit floats.
  static func sumOfSquares(_ x: UnsafeBufferPointer<Float>) -> Float {
    var sum: Float = 0
    for weight in x { sum += weight * weight }
    return sum
  }

  /// The rule most weighted encoders share: importance times sqrt(spread + weight squared).
  ///
  /// - Parameters:
  ///   - x: a group of weights.
  ///   - importance: their importance.
  ///   - spread: a mean square; of what, each format says.
  ///   - factors: receives one factor a weight.
  static func weighted(
    _ x: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>, spread: Float,
    into factors: UnsafeMutableBufferPointer<Float>
  ) {
    for i in x.indices { factors[i] = importance[i] * (spread + x[i] * x[i]).squareRoot() }
  }

  /// The shared weighted rule with importance, each weight's square without.
  static func weightedOrSquares(
    _ x: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?, spread: Float,
    into factors: UnsafeMutableBufferPointer<Float>
  ) {
    if let importance {
      weighted(x, importance: importance, spread: spread, into: factors)
    } else {
      squares(x, into: factors)
    }
  }

  /// Each weight's square.
  static func squares(_ x: UnsafeBufferPointer<Float>, into factors: UnsafeMutableBufferPointer<Float>) {
    for i in x.indices { factors[i] = x[i] * x[i] }
  }
}

/// A float cut to an integer as x86 does: what does not fit 32 bits, and NaN, become the smallest integer.
func truncatedInteger(_ value: Float) -> Int32 {
  abs(value) < 2_147_483_648 ? Int32(value) : Int32.min
}
