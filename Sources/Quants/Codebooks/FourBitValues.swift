/// The sixteen unevenly spaced values of IQ4_NL and IQ4_XS, finer around zero as weights are.
///
/// Source: ggml, `kvalues_iq4nl`.
enum FourBitValues {
  static let all: [Float] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]

  /// The number of the value nearest to a scaled weight, the larger of equally near ones.
  ///
  /// Found by halving as the reference does, since only that says what NaN becomes.
  static func nearest(_ scaled: Float) -> UInt8 {
    if scaled <= all[0] { return 0 }
    if scaled >= all[15] { return 15 }
    var (below, above) = (0, 15)
    while above - below > 1 {
      let middle = (below + above) / 2
      if scaled < all[middle] { above = middle } else { below = middle }
    }
    return UInt8(truncatingIfNeeded: scaled - all[above - 1] < all[above] - scaled ? above - 1 : above)
  }

  /// The scale of a group of 32 that makes the weighted squared error small.
  ///
  /// Tried are the inverse scales that put the extreme weight on 127 (once), and on -134 ... -120; each is refitted by
  /// weighted least squares and the first best one stays.
  static func scale(_ x: UnsafeBufferPointer<Float>, factors: UnsafeBufferPointer<Float>) -> Float {
    let extreme = SymmetricScale.extremeWeight(x)
    guard abs(extreme) >= SymmetricScale.smallest else { return 0 }
    var fit = sums(x, factors, 1 / (-extreme / all[0]))
    var scale = fit.squares > 0 ? fit.products / fit.squares : 0
    var best = scale * fit.products
    for step in -7...7 {
      fit = sums(x, factors, (Float(step) + all[0]) / extreme)
      if fit.squares > 0 && fit.products * fit.products > best * fit.squares {
        scale = fit.products / fit.squares
        best = scale * fit.products
      }
    }
    return scale
  }

  /// The weighted sums of value x weight and of value x value under an inverse scale.
  private static func sums(
    _ x: UnsafeBufferPointer<Float>, _ factors: UnsafeBufferPointer<Float>, _ inverse: Float
  ) -> (products: Float, squares: Float) {
    var (products, squares): (Float, Float) = (0, 0)
    for i in x.indices {
      let value = all[Int(nearest(inverse * x[i]))]
      products += factors[i] * value * x[i]
      squares += factors[i] * value * value
    }
    return (products, squares)
  }
}
