import Libc

/// A number about a text, and how far the number of other text like it may be from it.
///
/// Neighbouring tokens are alike, so the unit of the uncertainty is the window: with window sums X_w over n_w positions,
///
///     mean = Σ X_w / Σ n_w        SE² = W/(W-1) · Σ (X_w - mean n_w)² / (Σ n_w)²
///
/// and the interval holds 95 % by Student's t with W - 1 degrees of freedom (definitions: docs/validation.md).
package struct Estimate: Sendable, Equatable {
  /// On this very text, exact.
  package let value: Double
  /// For text like it; nil for fewer than two windows.
  package let standardError: Double?
  /// The 95 % interval; nil for fewer than two windows.
  package let interval: ClosedRange<Double>?
  /// Positions it rests on.
  package let count: Int

  /// On which scale an interval is symmetric.
  package enum Scale: Sendable {
    /// For what can have either sign.
    case plain
    /// For what cannot be negative: the value times and over a factor.
    case logarithmic
    /// For a share, whose difference from one cannot be negative.
    case share
  }

  init(value: Double, standardError: Double?, interval: ClosedRange<Double>?, count: Int) {
    self.value = value
    self.standardError = standardError
    self.interval = interval
    self.count = count
  }

  /// The mean over all positions of all windows.
  package init(_ windows: [WindowSum], _ scale: Scale = .plain) {
    let total = windows.reduce(0.0) { $0 + $1.sum }
    let count = windows.reduce(0) { $0 + $1.count }
    let mean = total / Double(count)
    let units = windows.count
    guard units > 1 else {
      self.init(value: mean, standardError: nil, interval: nil, count: count)
      return
    }
    var spread = 0.0
    for window in windows {
      let off = window.sum - mean * Double(window.count)
      spread += off * off
    }
    let error = (spread * Double(units) / Double(units - 1)).squareRoot() / Double(count)
    self.init(value: mean, standardError: error, scale, units: units, count: count)
  }

  /// A value whose standard error is known otherwise.
  init(value: Double, standardError: Double, _ scale: Scale, units: Int, count: Int) {
    let reach = StudentT.quantile(0.975, freedom: units - 1) * standardError
    let interval: ClosedRange<Double> =
      switch scale {
      case .plain: value - reach...value + reach
      case .logarithmic: Self.around(value, reach)
      case .share: Self.share(value, reach, count: count)
      }
    self.init(value: value, standardError: standardError, interval: interval, count: count)
  }

  /// The interval of a share: never narrower than that of as many independent positions (Wilson's), so that windows which happen to
  /// agree claim no certainty.
  private static func share(_ value: Double, _ reach: Double, count: Int) -> ClosedRange<Double> {
    let windows = around(1 - value, reach)
    let (n, z) = (Double(count), 1.959_963_985)
    let middle = (value + z * z / (2 * n)) / (1 + z * z / n)
    let half = z * (value * (1 - value) / n + z * z / (4 * n * n)).squareRoot() / (1 + z * z / n)
    return max(0, min(1 - windows.upperBound, middle - half))...min(1, max(1 - windows.lowerBound, middle + half))
  }

  private static func around(_ value: Double, _ reach: Double) -> ClosedRange<Double> {
    // Nothing seen says nothing of what is not seen.
    guard value > 0 else { return value...value }
    let factor = exp(reach / value)
    return value / factor...value * factor
  }

  /// e to the value: a perplexity from a mean negative log-likelihood, with the ends of its interval.
  var exponential: Estimate {
    let result = exp(value)
    return Estimate(
      value: result, standardError: standardError.map { $0 * result },
      interval: interval.map { exp($0.lowerBound)...exp($0.upperBound) }, count: count)
  }

  /// The root of a mean of squares, its error by the delta method.
  static func rootMeanSquare(_ windows: [WindowSum]) -> Estimate {
    let square = Estimate(windows, .logarithmic)
    let root = square.value.squareRoot()
    guard let error = square.standardError, root > 0 else {
      return Estimate(
        value: root, standardError: square.standardError, interval: square.standardError.map { _ in root...root },
        count: square.count)
    }
    return Estimate(
      value: root, standardError: error / (2 * root), .logarithmic, units: windows.count, count: square.count)
  }
}

/// What one window adds to a mean.
package struct WindowSum: Sendable {
  var sum = 0.0
  var count = 0

  /// The sum of a quantity over the positions of a window.
  package init<Position>(_ window: [Position], _ quantity: (Position) -> Double) {
    for position in window { sum += quantity(position) }
    count = window.count
  }
}
