import Libc

/// Student's t distribution: how far a mean of few values may be off.
package enum StudentT {
  /// The value that a t variable stays below with probability `probability`.
  ///
  /// - Parameters:
  ///   - probability: above one half, below one.
  ///   - freedom: degrees of freedom, at least one.
  /// - Returns: the quantile, to the last bit or two.
  package static func quantile(_ probability: Double, freedom: Int) -> Double {
    precondition(probability > 0.5 && probability < 1 && freedom >= 1, "an upper quantile of a t distribution")
    var (low, high) = (0.0, 1.0)
    while below(high, freedom) < probability { high *= 2 }
    // Bisection ends when there is no number in between.
    while true {
      let middle = low + (high - low) / 2
      guard middle > low, middle < high else { return middle }
      if below(middle, freedom) < probability { low = middle } else { high = middle }
    }
  }

  /// The probability of a value below `t`, for t >= 0, by the finite sums for whole degrees of freedom
  /// (Abramowitz and Stegun, 26.7.3 and 26.7.4).
  static func below(_ t: Double, _ freedom: Int) -> Double {
    let angle = atan(t / Double(freedom).squareRoot())
    let (sine, cosine) = (sin(angle), cos(angle))
    let square = cosine * cosine
    var sum = 0.0
    if freedom % 2 == 1 {
      var term = cosine
      for k in stride(from: 1, to: freedom - 1, by: 2) {
        sum += term
        term *= square * Double(k + 1) / Double(k + 2)
      }
      return 0.5 + (angle + sine * sum) / Double.pi
    }
    var term = 1.0
    for k in stride(from: 1, to: freedom, by: 2) {
      sum += term
      term *= square * Double(k) / Double(k + 1)
    }
    return 0.5 + sine * sum / 2
  }
}
