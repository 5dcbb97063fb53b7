import Libc

extension Percentiles {
  /// One point of a survival curve.
  package struct Survival: Sendable, Equatable {
    package let value: Double
    /// The share of values above it.
    package let share: Double
  }

  /// How many values lie above which: at most `points` order statistics, from the least on, denser where few are left.
  package func survival(points: Int = 96) -> [Survival] {
    // Equal steps of the share's logarithm, from all values to a single one.
    let reach = log(Double(count))
    var result: [Survival] = []
    var previous = -1
    for step in 0..<points {
      let left = exp(reach * (1 - Double(step) / Double(max(1, points - 1))))
      let index = min(count - 1, max(0, count - Int(left.rounded())))
      if index == previous { continue }
      previous = index
      result.append(Survival(value: sorted[index], share: Double(count - index) / Double(count)))
    }
    return result
  }

  /// Values counted in equal bins around zero.
  package struct Histogram: Sendable, Equatable {
    /// The bins lie between minus this and this; what lies beyond is in the outermost.
    package let reach: Double
    /// An odd number of bins, so that zero is in the middle of one.
    package let counts: [Int]
  }

  /// Counts in `bins` equal bins between the 1st and the 99th percentile, whichever is further from zero.
  package func histogram(bins: Int = 41) -> Histogram {
    precondition(bins % 2 == 1, "zero is in the middle of a bin")
    let reach = max(abs(self[0.01]), abs(self[0.99]))
    var counts = [Int](repeating: 0, count: bins)
    for value in sorted {
      let place = reach > 0 ? (value / reach + 1) / 2 * Double(bins) : Double(bins / 2)
      counts[Int(max(0, min(Double(bins - 1), place.rounded(.down))))] += 1
    }
    return Histogram(reach: reach, counts: counts)
  }

  /// The standard error their mean would have if each stood for itself.
  package var standardErrorIfIndependent: Double {
    guard count > 1 else { return 0 }
    let mean = sorted.reduce(0, +) / Double(count)
    let squares = sorted.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (squares / Double(count - 1) / Double(count)).squareRoot()
  }
}
