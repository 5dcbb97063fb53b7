import Engine
import Libc

/// What was lost between two models on some windows: every figure of docs/validation.md that follows from their predictions.
package struct FidelityFigures: Sendable {
  package let windows: Int
  package let positions: Int
  /// nil where the model before is known by rounded numbers alone, which flatter it.
  package let perplexityBefore: Estimate?
  package let perplexityAfter: Estimate
  /// Perplexity after over perplexity before, its error from the paired differences; nil where that before is.
  package let perplexityRatio: Estimate?
  package let divergence: Distribution
  package let reverseDivergence: Distribution
  /// nil where the model before is known by part of each row.
  package let jensenShannon: Distribution?
  /// nil where the model before is known by part of each row.
  package let totalVariation: Distribution?
  package let top1Agreement: Estimate
  package let top5Overlap: Estimate
  package let probabilityChange: Distribution
  package let rootMeanSquareChange: Estimate
  package let entropyBefore: Estimate
  /// Pearson's, of ln p and ln q of the text's tokens; nil where one of them does not vary or is known by rounded numbers.
  package let correlation: Double?
  package let flips: Flips
  package let byConfidence: [ConfidenceBand]
  package let perWindow: WindowMeans
  package let level: FidelityLevel
  package let alarms: [String]

  /// A mean with the spread behind it.
  package struct Distribution: Sendable {
    package let mean: Estimate
    package let percentiles: Percentiles
    /// 95 % intervals of ``FidelityFigures/tailShares``; nil for fewer than two windows.
    package var tails: [ClosedRange<Double>]?
    /// How far the figures may be off because part of each row was looked at; nil where the whole was.
    package var sampling: Sampling?
  }

  /// What is sure of a divergence that was estimated from part of each row.
  ///
  /// The mean's own standard error contains the sampling error already.
  package struct Sampling: Sendable {
    /// Of the mean, for this very text.
    package let standardError: Double
    /// What the mean is at least.
    package let lowerBound: Double
    /// What the percentiles are at least.
    package let percentiles: Percentiles
  }

  /// How often the likeliest token became right or wrong, by the text's token.
  package struct Flips: Sendable, Equatable {
    package var rightToWrong = 0
    package var wrongToRight = 0
    package var wrongToOtherWrong = 0
  }

  /// Positions at which the model before was about equally sure.
  package struct ConfidenceBand: Sendable {
    /// Probability of the likeliest token, from and below.
    package let bounds: (low: Double, high: Double)
    package let share: Double
    /// Mean divergence there; nil where there are none.
    package let divergence: Double?
  }

  /// Draws the figures from positions, [window][position]; with `isBeforeRounded` what the text's tokens were given before is known
  /// too roughly for a perplexity.
  init(_ windows: [[PositionComparison]], isBeforeRounded: Bool = false) {
    func mean(_ scale: Estimate.Scale, _ quantity: (PositionComparison) -> Double) -> Estimate {
      Estimate(windows.map { WindowSum($0, quantity) }, scale)
    }
    let all = windows.flatMap { $0 }
    let draws = WindowDraws(positions: windows.map(\.count))
    func distribution(_ scale: Estimate.Scale, _ quantity: (PositionComparison) -> Double) -> Distribution {
      Distribution(
        mean: mean(scale, quantity), percentiles: Percentiles(all.map(quantity)),
        tails: draws?.intervals(of: windows.map { $0.map(quantity) }, shares: Self.tailShares))
    }
    /// Of what is known of all positions or of none.
    func whole(_ quantity: KeyPath<PositionComparison, Double?>) -> Distribution? {
      guard all.allSatisfy({ $0[keyPath: quantity] != nil }) else { return nil }
      return distribution(.logarithmic) { $0[keyPath: quantity] ?? 0 }
    }
    func divergence(
      _ quantity: (PositionComparison) -> Double, _ part: KeyPath<PositionComparison.Sampling, SampledSum>
    ) -> Distribution {
      var result = distribution(.logarithmic, quantity)
      result.sampling = Sampling(all.compactMap { $0.sampling?[keyPath: part] })
      return result
    }
    self.windows = windows.count
    positions = all.count
    let logRatio = isBeforeRounded ? nil : mean(.plain) { $0.before - $0.after }
    perplexityBefore = isBeforeRounded ? nil : mean(.plain) { -$0.before }.exponential
    perplexityAfter = mean(.plain) { -$0.after }.exponential
    perplexityRatio = logRatio?.exponential
    self.divergence = divergence(\.divergence, \.forward)
    reverseDivergence = divergence(\.reverseDivergence, \.backward)
    jensenShannon = whole(\.jensenShannon)
    totalVariation = whole(\.totalVariation)
    top1Agreement = mean(.share) { $0.isSameTop ? 1 : 0 }
    top5Overlap = mean(.share) { Double($0.topShared) / Double(LogitRow.topCount) }
    probabilityChange = distribution(.plain, \.probabilityChange)
    rootMeanSquareChange = .rootMeanSquare(
      windows.map { WindowSum($0) { $0.probabilityChange * $0.probabilityChange } })
    entropyBefore = mean(.logarithmic, \.entropy)
    correlation = isBeforeRounded ? nil : Self.correlation(all)
    flips = Self.flips(all)
    byConfidence = Self.bands(all)
    perWindow = WindowMeans(windows, isBeforeRounded: isBeforeRounded)
    level = FidelityLevel(self.divergence.mean, windows: windows.count)
    alarms = FidelityAlarms.of(
      divergence: self.divergence, reverse: reverseDivergence.mean, change: probabilityChange.mean,
      spread: rootMeanSquareChange, logRatio: logRatio,
      surprise: mean(.plain) { -$0.before }.value - entropyBefore.value)
  }

  private static func correlation(_ positions: [PositionComparison]) -> Double? {
    let count = Double(positions.count)
    let (x, y) = (positions.reduce(0) { $0 + $1.before } / count, positions.reduce(0) { $0 + $1.after } / count)
    var (xx, yy, xy) = (0.0, 0.0, 0.0)
    for position in positions {
      let (dx, dy) = (position.before - x, position.after - y)
      xx += dx * dx
      yy += dy * dy
      xy += dx * dy
    }
    // One root of a product: of equal numbers it is the number itself, and the correlation exactly one.
    return xx > 0 && yy > 0 ? xy / (xx * yy).squareRoot() : nil
  }

  private static func flips(_ positions: [PositionComparison]) -> Flips {
    var flips = Flips()
    for position in positions where !position.isSameTop {
      if position.topBefore.first == position.token {
        flips.rightToWrong += 1
      } else if position.topAfter.first == position.token {
        flips.wrongToRight += 1
      } else {
        flips.wrongToOtherWrong += 1
      }
    }
    return flips
  }

  private static func bands(_ positions: [PositionComparison]) -> [ConfidenceBand] {
    let ends = [0, 0.25, 0.5, 0.75, 0.95, .infinity]
    return zip(ends, ends.dropFirst()).map { low, high in
      let inside = positions.filter { $0.confidence >= low && $0.confidence < high }
      return ConfidenceBand(
        bounds: (low, min(high, 1)), share: Double(inside.count) / Double(positions.count),
        divergence: inside.isEmpty ? nil : inside.reduce(0) { $0 + $1.divergence } / Double(inside.count))
    }
  }
}

/// Signs that something is wrong which a mean divergence does not show.
enum FidelityAlarms {
  /// Nats by which a text may be less expected than the model before itself expects.
  ///
  /// Beyond that the model cannot read the text (another script, say), and any noise makes its tokens likelier or less likely throughout.
  private static let illegible = 3.0

  static func of(
    divergence: FidelityFigures.Distribution, reverse: Estimate, change: Estimate, spread: Estimate,
    logRatio: Estimate?, surprise: Double
  ) -> [String] {
    var alarms: [String] = []
    let isLegible = surprise < illegible
    if isLegible, let error = change.standardError, abs(change.value) > 4 * error,
      abs(change.value) > 0.15 * spread.value
    {
      alarms.append(
        "the text's tokens became \(change.value < 0 ? "less" : "more") likely throughout: this is a bias, not noise")
    }
    if isLegible, let logRatio, let error = logRatio.standardError, logRatio.value < -4 * error {
      alarms.append("the model after predicts this text better than the one before: it may have been fitted to it")
    }
    if divergence.percentiles.count >= FidelityFigures.fewPositions, divergence.percentiles[0.999] > 5 {
      alarms.append("at one position in a thousand the two models have almost nothing in common")
    }
    if divergence.mean.value > 0, reverse.value > 3 * divergence.mean.value {
      alarms.append("the model after gives weight to tokens that were next to impossible before")
    }
    return alarms
  }
}

extension FidelityFigures.Sampling {
  /// Of the positions of a text; nil where nothing was sampled.
  init?(_ positions: [SampledSum]) {
    guard !positions.isEmpty else { return nil }
    let count = Double(positions.count)
    self.init(
      standardError: positions.reduce(0) { $0 + $1.variance }.squareRoot() / count,
      lowerBound: positions.reduce(0) { $0 + $1.lowerBound } / count,
      percentiles: Percentiles(positions.map(\.lowerBound)))
  }
}

extension FidelityFigures {
  /// The percentiles that have intervals: those that a few positions decide.
  package static let tailShares = [0.99, 0.999]

  /// Positions below which no 99.9th percentile is given.
  package static let fewPositions = 1000
}
