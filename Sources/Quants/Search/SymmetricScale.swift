/// Finds the scale `s` of a group so that `s * n[i]` comes close to `x[i]`, with `n` in `-limit ..< limit`.
///
/// All sums run in element order in 32-bit floats and nothing is fused: another order can choose another scale.
enum SymmetricScale {
  /// Groups whose largest magnitude is below this are all zeros.
  static let smallest: Float = 1e-15

  /// Tries nineteen scales around the one that puts the extreme weight on `-limit`, a tenth of a step apart.
  ///
  /// Each is refitted by weighted least squares; the first best one stays.
  ///
  /// - Parameters:
  ///   - x: the group.
  ///   - factors: how much each error counts.
  ///   - limit: the numbers run from `-limit` to `limit - 1`.
  /// - Returns: the scale, which may be negative, and how it was reached: numbers count from `-limit`, all zero for a group
  ///   of zeros.
  static func search(
    _ x: UnsafeBufferPointer<Float>, factors: UnsafeBufferPointer<Float>, limit: Int32
  ) -> (scale: Float, rounding: Rounding) {
    let extreme = extremeWeight(x)
    guard abs(extreme) >= smallest else { return (0, .zero) }
    var chosen = Float(-limit) / extreme
    var fit = sums(x, factors, chosen, limit)
    var scale = fit.squares != 0 ? fit.products / fit.squares : 0
    var best = scale * fit.products
    for step in -9...9 where step != 0 {
      let inverse = -(Float(limit) + 0.1 * Float(step)) / extreme
      fit = sums(x, factors, inverse, limit)
      if fit.squares > 0 && fit.products * fit.products > best * fit.squares {
        chosen = inverse
        scale = fit.products / fit.squares
        best = scale * fit.products
      }
    }
    return (scale, .scaled(inverse: chosen, origin: 0, lowest: -limit, highest: limit - 1))
  }

  /// Starts with the extreme weight on `-limit` and moves one number at a time while that lowers the error.
  ///
  /// Every error counts by the square of the weight. At most five rounds. Used by Q3_K without importance.
  static func descend(
    _ x: UnsafeBufferPointer<Float>, limit: Int32, numbers: UnsafeMutableBufferPointer<UInt8>
  ) -> Float {
    let extreme = extremeWeight(x)
    guard abs(extreme) >= smallest else {
      numbers.update(repeating: 0)
      return 0
    }
    let inverse = Float(-limit) / extreme
    for i in x.indices {
      numbers[i] = UInt8(truncatingIfNeeded: nearestInteger(inverse * x[i], -limit, limit - 1) + limit)
    }
    var (products, squares): (Float, Float) = (0, 0)
    for i in x.indices {
      let factor = x[i] * x[i]
      let number = Float(Int32(numbers[i]) - limit)
      products += factor * x[i] * number
      squares += factor * number * number
    }
    for _ in 0..<5 {
      var isChanged = false
      for i in x.indices {
        let factor = x[i] * x[i]
        let number = Float(Int32(numbers[i]) - limit)
        var otherProducts = products - factor * x[i] * number
        guard otherProducts > 0 else { continue }
        var otherSquares = squares - factor * number * number
        let candidate = nearestInteger(x[i] * otherSquares / otherProducts, -limit, limit - 1)
        guard candidate != Int32(numbers[i]) - limit else { continue }
        otherProducts += factor * x[i] * Float(candidate)
        otherSquares += factor * Float(candidate) * Float(candidate)
        let gain = otherProducts * otherProducts * squares > products * products * otherSquares
        guard otherSquares > 0 && gain else { continue }
        numbers[i] = UInt8(truncatingIfNeeded: candidate + limit)
        products = otherProducts
        squares = otherSquares
        isChanged = true
      }
      if !isChanged { break }
    }
    return squares > 0 ? products / squares : 0
  }

  /// The weight of largest magnitude with its sign, the first of equals.
  static func extremeWeight(_ x: UnsafeBufferPointer<Float>) -> Float {
    var extreme: Float = 0
    for weight in x where abs(weight) > abs(extreme) { extreme = weight }
    return extreme
  }

  /// The weighted sums of weight x number and of number x number under an inverse scale.
  private static func sums(
    _ x: UnsafeBufferPointer<Float>, _ factors: UnsafeBufferPointer<Float>, _ inverse: Float, _ limit: Int32
  ) -> (products: Float, squares: Float) {
    var (products, squares): (Float, Float) = (0, 0)
    for i in x.indices {
      let number = Float(nearestInteger(inverse * x[i], -limit, limit - 1))
      products += factors[i] * x[i] * number
      squares += factors[i] * number * number
    }
    return (products, squares)
  }
}
