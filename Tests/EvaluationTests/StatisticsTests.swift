import Evaluation
import Foundation
import TestSupport
import Runtime
import Testing

@Suite("Statistics of validation")
struct StatisticsTests {
  /// Published tables give these to all digits shown.
  @Test(
    "Student's t",
    arguments: [(1, 12.706_204_7), (2, 4.302_652_7), (7, 2.364_624_3), (23, 2.068_657_6), (63, 1.998_340_5)])
  func student(freedom: Int, expected: Double) {
    #expect(abs(StudentT.quantile(0.975, freedom: freedom) - expected) < 1e-6)
  }

  @Test("Percentiles are linear between order statistics")
  func percentiles() {
    let found = Percentiles([4, 1, 3, 2])
    #expect(found[0] == 1 && found[1] == 4 && found[0.5] == 2.5 && abs(found[0.9] - 3.7) < 1e-12)
    #expect(Percentiles([5])[0.3] == 5)
  }

  @Test("One window has no error, and equal windows none to speak of")
  func few() {
    let one = Estimate([WindowSum([1.0, 2.0]) { $0 }])
    #expect(one.value == 1.5 && one.standardError == nil && one.interval == nil && one.count == 2)
    let same = Estimate([WindowSum([2.0, 2.0]) { $0 }, WindowSum([2.0]) { $0 }])
    #expect(same.standardError == 0 && same.interval == 2...2 && same.count == 3)
    let nothing = Estimate([WindowSum([0.0]) { $0 }, WindowSum([0.0]) { $0 }], .logarithmic)
    #expect(nothing.interval == 0...0)
  }

  @Test("Percentiles of drawn windows are those of the values drawn")
  func draws() throws {
    var random = SplitMix(state: 5)
    let windows = [3, 40, 7, 25].map { count in (0..<count).map { _ in random.normal() } }
    let draws = try #require(WindowDraws(positions: windows.map(\.count)))
    let shares = [0.5, 0.99]
    var found: [[Double]] = [[], []]
    var same = SplitMix64(state: 0)
    for _ in 0..<WindowDraws.count {
      let drawn = Percentiles(
        windows.indices.flatMap { _ in windows[Int(same.next().multipliedFullWidth(by: 4).high)] })
      for (index, share) in shares.enumerated() { found[index].append(drawn[share]) }
    }
    for (index, interval) in draws.intervals(of: windows, shares: shares).enumerated() {
      let spread = Percentiles(found[index])
      #expect(abs(interval.lowerBound - spread[0.025]) < 1e-12 && abs(interval.upperBound - spread[0.975]) < 1e-12)
    }
    #expect(WindowDraws(positions: [5]) == nil)
  }

  /// Heavy-tailed values that share something within a window, as divergences do: an interval that is said to hold 95 % has to.
  @Test("Intervals hold what they say", arguments: [8, 24, 64])
  func coverage(windows: Int) {
    var random = SplitMix(state: 2026)
    let sigma = 1.3
    let shared = 0.02
    var covered = 0
    let draws = 800
    let truth = exp(sigma * sigma / 2)
    for _ in 0..<draws {
      let sums = (0..<windows).map { _ in
        let common = random.normal() * shared.squareRoot()
        return WindowSum(
          (0..<127).map { _ in exp(sigma * (common + random.normal() * (1 - shared).squareRoot())) }
        ) { $0 }
      }
      if Estimate(sums, .logarithmic).interval?.contains(truth) == true { covered += 1 }
    }
    let share = Double(covered) / Double(draws)
    #expect((0.92...0.97).contains(share), "\(share)")
  }

  /// Steele, Lea and Flood's generator, and the polar form of Box and Muller's normal numbers.
  private struct SplitMix {
    var state: UInt64

    mutating func next() -> Double {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return Double((z ^ (z >> 31)) >> 11) * 0x1p-53
    }

    mutating func normal() -> Double {
      (-2 * log(1 - next())).squareRoot() * cos(2 * Double.pi * next())
    }
  }
}
