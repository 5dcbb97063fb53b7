/// Finds the scale `s` of a group so that `s * n[i]` comes close to `x[i]`, with `n` in `0 ... limit`.
///
/// Weighted encoders store the scales and offsets of a block's groups this way. Numbers are bytes as they are in the
/// reference, so that a negative weight wraps around as it does there.
enum PositiveScale {
  /// Nine inverse scales are tried, then numbers move one at a time while that lowers the error, at most five rounds.
  ///
  /// - Parameters:
  ///   - x: the group.
  ///   - factors: how much each error counts.
  ///   - limit: the largest number.
  ///   - numbers: receives each weight's number; all zero for a group of zeros.
  /// - Returns: the scale, fitted to the numbers by weighted least squares.
  static func search(
    _ x: UnsafeBufferPointer<Float>, factors: UnsafeBufferPointer<Float>, limit: Int32,
    numbers: UnsafeMutableBufferPointer<UInt8>
  ) -> Float {
    var largest: Float = 0
    for weight in x { largest = largest > weight ? largest : weight }
    guard !(largest < SymmetricScale.smallest) else {
      numbers.update(repeating: 0)
      return 0
    }
    var best = Float(limit) / largest
    var bestError: Float = 0
    for i in x.indices {
      let number = UInt8(truncatingIfNeeded: nearestInteger(best * x[i]))
      let difference = x[i] - 1 / best * Float(number)
      bestError += factors[i] * difference * difference
    }
    for step in -4...4 where step != 0 {
      let inverse = (0.1 * Float(step) + Float(limit)) / largest
      let scale = 1 / inverse
      var error: Float = 0
      for i in x.indices {
        let difference = x[i] - scale * Float(min(limit, nearestInteger(inverse * x[i])))
        error += factors[i] * difference * difference
      }
      if error < bestError {
        bestError = error
        best = inverse
      }
    }
    var (products, squares): (Float, Float) = (0, 0)
    for i in x.indices {
      let number = min(limit, nearestInteger(best * x[i]))
      numbers[i] = UInt8(truncatingIfNeeded: number)
      products += factors[i] * x[i] * Float(number)
      squares += factors[i] * Float(number) * Float(number)
    }
    for _ in 0..<5 {
      guard descend(x, factors, limit, numbers, &products, &squares) else { break }
    }
    return squares > 0 ? products / squares : 0
  }

  /// One round over the group; whether a number moved.
  private static func descend(
    _ x: UnsafeBufferPointer<Float>, _ factors: UnsafeBufferPointer<Float>, _ limit: Int32,
    _ numbers: UnsafeMutableBufferPointer<UInt8>, _ products: inout Float, _ squares: inout Float
  ) -> Bool {
    var isChanged = false
    for i in x.indices {
      let number = Float(numbers[i])
      var otherProducts = products - factors[i] * x[i] * number
      var otherSquares = squares - factors[i] * number * number
      guard otherProducts > 0 && otherSquares > 0 else { continue }
      let candidate = min(limit, nearestInteger(x[i] * otherSquares / otherProducts))
      guard candidate != Int32(numbers[i]) else { continue }
      otherProducts += factors[i] * x[i] * Float(candidate)
      otherSquares += factors[i] * Float(candidate) * Float(candidate)
      guard otherProducts * otherProducts * squares > products * products * otherSquares else { continue }
      numbers[i] = UInt8(truncatingIfNeeded: candidate)
      products = otherProducts
      squares = otherSquares
      isChanged = true
    }
    return isChanged
  }
}
