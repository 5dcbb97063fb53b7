import Engine
import Foundation
import Quants
import Base
import TestSupport
import Testing

/// The formulas of `validate`, on whole rows of logits whose answers were computed in double precision by another program.
@Suite("Divergence of two rows")
struct DivergenceTests {
  private func compare(_ before: [Float], _ after: [Float], _ level: Kernels) -> RowDivergence {
    let kernels = EngineKernels(level)
    // Buffers that end at a guard page: nothing is read past a row.
    let (first, second) = (GuardedBuffer(before), GuardedBuffer(after))
    let (b, a, count) = (Floats(first.floats), Floats(second.floats), before.count)
    func logSum(_ row: Floats) -> Double {
      let largest = Double(kernels.maximum(row, count: count))
      return largest + log(kernels.sumOfExponentials(row, minus: largest, count: count))
    }
    return kernels.divergence(before: b, logSum(b), after: a, logSum(a), count: count)
  }

  @Test("Fifteen rows, every level", arguments: Kernels.available)
  func rows(level: Kernels) throws {
    let tensors = try GoldenTensors("golden/validate/rows.safetensors")
    let expected = try #require(Fixtures.json("golden/validate/rows.json")["rows"]?.arrayValue)
    let (before, after) = (try #require(tensors.floats("before")), try #require(tensors.floats("after")))
    let width = before.count / expected.count
    try #require(expected.count == 15 && width == 4096)
    for (index, row) in expected.enumerated() {
      let part = index * width..<(index + 1) * width
      let found = compare(Array(before[part]), Array(after[part]), level)
      for (name, value) in [
        ("kl", found.forward), ("reverse_kl", found.backward), ("js", found.jensenShannon),
        ("total_variation", found.variation / 2), ("entropy", found.entropy),
      ] {
        let golden = try #require(row[name]?.doubleValue)
        #expect(abs(value - golden) < 1e-9, "row \(index) \(name): \(value) instead of \(golden)")
      }
    }
  }

  @Test("A row against itself differs by nothing; rows of any length agree at all levels", arguments: Kernels.available)
  func lengths(level: Kernels) throws {
    for count in [1, 2, 7, 8, 9, 15, 17, 64, 100, 1001] {
      let before = (0..<count).map { sinf(Float($0) * 1.7) * 9 }
      let after = (0..<count).map { before[$0] + cosf(Float($0) * 0.3) }
      let same = compare(before, before, level)
      #expect(same.forward == 0 && same.backward == 0 && same.jensenShannon == 0 && same.variation == 0)
      let found = compare(before, after, level)
      let plain = Self.plain(before, after)
      #expect(abs(found.forward - plain.forward) < 1e-12 && abs(found.backward - plain.backward) < 1e-12)
      #expect(abs(found.jensenShannon - plain.jensenShannon) < 1e-12)
      #expect(abs(found.variation - plain.variation) < 1e-12 && abs(found.entropy - plain.entropy) < 1e-12)
      if level.name != "portable" {
        let best = compare(before, after, .available[Kernels.available.count - 1])
        #expect(found == best)
      }
    }
  }

  /// The definitions written out.
  private static func plain(
    _ before: [Float], _ after: [Float]
  ) -> (forward: Double, backward: Double, jensenShannon: Double, variation: Double, entropy: Double) {
    func logs(_ row: [Float]) -> [Double] {
      let sum = log(row.reduce(0.0) { $0 + exp(Double($1)) })
      return row.map { Double($0) - sum }
    }
    var sums = (0.0, 0.0, 0.0, 0.0, 0.0)
    for (b, a) in zip(logs(before), logs(after)) {
      let (p, q) = (exp(b), exp(a))
      let m = log((p + q) / 2)
      sums.0 += p * (b - a)
      sums.1 += q * (a - b)
      sums.2 += (p * (b - m) + q * (a - m)) / 2
      sums.3 += abs(p - q)
      sums.4 -= p * b
    }
    return sums
  }
}
