/// Finds a scale `s` and an offset `m >= 0` of a group so that `s * n[i] - m` comes close to `x[i]`, `n` in `0 ... limit`.
///
/// Sums run in element order in 32-bit floats and nothing is fused: another order can choose another scale.
struct AffineScale {
  /// The largest number.
  let limit: Int32
  /// The first inverse scale tried has `limit + first` steps between the extremes.
  let first: Float
  /// How much the steps between the extremes grow from one try to the next.
  let step: Float
  /// The last try; tries are counted from zero.
  let last: Int
  /// Whether errors count as they are instead of squared.
  var isAbsolute = false

  /// What weighted encoders use: 37 tries from 0.9 steps fewer to 0.9 more than `limit`.
  static func weighted(limit: Int32) -> AffineScale {
    AffineScale(limit: limit, first: -0.9, step: 0.05, last: 36)
  }

  /// Tries inverse scales one after the other, each refitted by weighted least squares; the first best one stays.
  ///
  /// - Parameters:
  ///   - x: the group.
  ///   - factors: how much each error counts.
  /// - Returns: the scale, the offset to be subtracted, and how the weights became numbers.
  func search(
    _ x: UnsafeBufferPointer<Float>, factors: UnsafeBufferPointer<Float>
  ) -> (scale: Float, offset: Float, rounding: Rounding) {
    var (low, high) = (x[0], x[0])
    var sumFactors = factors[0]
    var sumWeights = sumFactors * x[0]
    for i in 1..<x.count {
      if x[i] < low { low = x[i] }
      if x[i] > high { high = x[i] }
      sumFactors += factors[i]
      sumWeights += factors[i] * x[i]
    }
    // Zero is always inside the range, so that the offset needs no sign.
    if low > 0 { low = 0 }
    if high == low { return (0, -low, .zero) }
    var chosen = Numbering(inverse: Float(limit) / (high - low), origin: low)
    var best = (scale: 1 / chosen.inverse, offset: low)
    var bestError = error(x, factors, chosen, best)
    for attempt in 0...last {
      // The best offset so far is where the next try starts counting.
      let steps = first + step * Float(attempt) + Float(limit)
      let numbering = Numbering(inverse: steps / (high - best.offset), origin: best.offset)
      var (sumNumbers, sumSquares, sumProducts): (Float, Float, Float) = (0, 0, 0)
      for i in x.indices {
        let number = Float(numbering.number(x[i], limit))
        let weighted = factors[i] * number
        sumNumbers += weighted
        sumSquares += weighted * number
        sumProducts += weighted * x[i]
      }
      let determinant = sumFactors * sumSquares - sumNumbers * sumNumbers
      guard determinant > 0 else { continue }
      var scale = (sumFactors * sumProducts - sumWeights * sumNumbers) / determinant
      var offset = (sumSquares * sumWeights - sumNumbers * sumProducts) / determinant
      if offset > 0 {
        offset = 0
        scale = sumProducts / sumSquares
      }
      let currentError = error(x, factors, numbering, (scale, offset))
      if currentError < bestError {
        bestError = currentError
        best = (scale, offset)
        chosen = numbering
      }
    }
    let rounding = Rounding.scaled(inverse: chosen.inverse, origin: chosen.origin, lowest: 0, highest: limit)
    return (best.scale, -best.offset, rounding)
  }

  /// How weights become numbers: an inverse scale, counted from an origin.
  private struct Numbering {
    let inverse: Float
    let origin: Float

    func number(_ weight: Float, _ limit: Int32) -> Int32 {
      nearestInteger(inverse * (weight - origin), 0, limit)
    }
  }

  /// The weighted error of a numbering when it is decoded by a scale and offset.
  private func error(
    _ x: UnsafeBufferPointer<Float>, _ factors: UnsafeBufferPointer<Float>, _ numbering: Numbering,
    _ decoder: (scale: Float, offset: Float)
  ) -> Float {
    var sum: Float = 0
    for i in x.indices {
      let number = Float(numbering.number(x[i], limit))
      let difference = decoder.scale * number + decoder.offset - x[i]
      sum += factors[i] * (isAbsolute ? abs(difference) : difference * difference)
    }
    return sum
  }
}
