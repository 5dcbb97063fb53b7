import Runtime

/// Whole windows drawn again and again, for the uncertainty of what is not a mean: the percentiles far out.
///
/// Each draw takes as many windows as there are, with replacement, so that some stand in it several times and others not at all. The draws
/// are the same for the same number of windows, always.
package struct WindowDraws: Sendable {
  package static let count = 2000

  /// How often each window stands in each draw, draw after draw.
  private let times: [UInt16]
  private let windows: Int
  /// Positions of each draw.
  private let positions: [Int]

  /// Draws among windows of these many positions; nil for fewer than two, which say nothing about others.
  package init?(positions sizes: [Int], seed: UInt64 = 0) {
    windows = sizes.count
    guard windows > 1 else { return nil }
    var generator = SplitMix64(state: seed)
    var times = [UInt16](repeating: 0, count: Self.count * windows)
    var positions = [Int](repeating: 0, count: Self.count)
    for draw in 0..<Self.count {
      for _ in 0..<windows {
        let window = Int(generator.next().multipliedFullWidth(by: UInt64(windows)).high)
        times[draw * windows + window] &+= 1
        positions[draw] += sizes[window]
      }
    }
    self.times = times
    self.positions = positions
  }

  /// The 95 % intervals of some percentiles of a quantity that is given window by window.
  ///
  /// Shares are ascending. Each draw is walked from the largest value down to the lowest percentile that is asked for, so this is cheap
  /// for those far up.
  package func intervals(of values: [[Double]], shares: [Double]) -> [ClosedRange<Double>] {
    precondition(values.count == windows, "values of the windows that were drawn among")
    var sorted: [(value: Double, window: Int)] = []
    for (window, values) in values.enumerated() {
      for value in values { sorted.append((value, window)) }
    }
    sorted.sort { $0.value > $1.value }
    var found = shares.map { _ in [Double]() }
    for draw in 0..<Self.count where positions[draw] > 0 {
      times.withUnsafeBufferPointer { times in
        var walk = Walk(sorted, UnsafeBufferPointer(rebasing: times[draw * windows..<(draw + 1) * windows]))
        for index in shares.indices.reversed() {
          // As Percentiles: linear between order statistics at this rank, here counted from the top.
          let rank = (1 - shares[index]) * Double(positions[draw] - 1)
          let upper = walk.value(at: Int(rank))
          let lower = walk.value(at: min(Int(rank) + 1, positions[draw] - 1))
          found[index].append(upper + (lower - upper) * (rank - Double(Int(rank))))
        }
      }
    }
    return found.map {
      let spread = Percentiles($0)
      return spread[0.025]...spread[0.975]
    }
  }

  /// The order statistics of one draw from the largest on; ranks are asked for in ascending order, or one step back.
  private struct Walk {
    private let sorted: [(value: Double, window: Int)]
    private let times: UnsafeBufferPointer<UInt16>
    /// Values passed, and how many they are in the draw.
    private var place = 0
    private var passed = 0

    init(_ sorted: [(value: Double, window: Int)], _ times: UnsafeBufferPointer<UInt16>) {
      self.sorted = sorted
      self.times = times
      passed = Int(times[sorted[0].window])
    }

    /// The value that `rank` values of the draw stand before.
    mutating func value(at rank: Int) -> Double {
      while passed - Int(times[sorted[place].window]) > rank {
        passed -= Int(times[sorted[place].window])
        place -= 1
      }
      while passed <= rank {
        place += 1
        passed += Int(times[sorted[place].window])
      }
      return sorted[place].value
    }
  }
}
