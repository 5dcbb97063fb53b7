import Libc

/// How the divergence that a tensor causes grows with its squared error, from the types in which it was tried.
///
/// The divergence grows in proportion to the squared error (the linearity theorem of arXiv 2411.17525); between two types that were tried both, along the
/// line through their logarithms.
package struct DivergenceCurve: Sendable {
  private let points: [(error: Double, divergence: Double)]

  /// A curve through what was measured; nil where nothing usable was.
  package init?(_ points: [(error: Double, divergence: Double)]) {
    self.points = points.filter { $0.error > 0 && $0.divergence > 0 && $0.error.isFinite && $0.divergence.isFinite }
      .sorted { $0.error < $1.error }
    guard !self.points.isEmpty else { return nil }
  }

  /// Beyond the types that were tried, the steepest and the flattest that their noise is believed.
  private static let slopes = 0.5...2.0

  /// The divergence, in nats a token, at a squared error.
  package func callAsFunction(_ error: Double) -> Double {
    guard error > 0 else { return 0 }
    let upper = points.firstIndex { error <= $0.error } ?? points.count
    let segment = min(max(1, upper), points.count - 1)
    guard points.count > 1, points[segment].error > points[segment - 1].error else {
      return points[0].divergence * error / points[0].error
    }
    let (a, b) = (points[segment - 1], points[segment])
    var slope = log(b.divergence / a.divergence) / log(b.error / a.error)
    let isInside = upper > 0 && upper < points.count
    if !isInside { slope = min(max(slope, Self.slopes.lowerBound), Self.slopes.upperBound) }
    let anchor = upper == points.count ? b : a
    return anchor.divergence * exp(slope * log(error / anchor.error))
  }
}
