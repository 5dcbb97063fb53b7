import Engine
import Quants
import TestSupport
import Testing

@Suite("Engine loops, every level against plain Swift")
struct RowKernelTests {
  private static let lengths = [1, 3, 7, 8, 15, 16, 17, 31, 33, 64, 100, 511, 513, 1030]

  private func numbers(_ count: Int, seed: UInt64, times scale: Float) -> [Float] {
    var numbers = Numbers(seed: seed)
    return (0..<count).map { _ in numbers.next() * scale }
  }

  private func close(_ found: Float, _ expected: Float) -> Bool {
    found == expected || abs(found - expected) <= 1e-6 * max(abs(expected), 1e-30)
  }

  /// Runs a loop over two rows whose memory ends at a guard page; returns what it left in the first.
  private func run(
    _ a: [Float], _ b: [Float], _ body: (UnsafeMutablePointer<Float>, UnsafePointer<Float>, Int) -> Void
  ) throws -> [Float] {
    let (first, second) = (GuardedBuffer(a), GuardedBuffer(b))
    body(
      try #require(first.floats.baseAddress), try #require(second.readOnlyFloats.baseAddress), a.count)
    return Array(first.floats)
  }

  @Test("Gates and exponentials", arguments: Kernels.available, lengths)
  func rows(kernels level: Kernels, count: Int) throws {
    let kernels = EngineKernels(level)
    let (a, b) = (numbers(count, seed: 1, times: 20), numbers(count, seed: 2, times: 20))
    func check(_ found: [Float], _ expected: (Float, Float) -> Float) {
      for i in 0..<count { #expect(close(found[i], expected(a[i], b[i])), "\(level) \(count) \(i)") }
    }
    check(try run(a, b) { kernels.siluProduct(gate: $0, up: $1, count: $2) }) { $0 * Exponential.sigmoid($0) * $1 }
    check(try run(a, b) { kernels.multiply($0, bySiluOf: $1, count: $2) }) { $0 * ($1 * Exponential.sigmoid($1)) }
    check(try run(a, b) { kernels.multiply($0, bySigmoidOf: $1, count: $2) }) { $0 * Exponential.sigmoid($1) }
    check(try run(a, b) { kernels.scale($0, by: 0.5, and: $1, count: $2) }) { $0 * 0.5 * $1 }
    let sums = try run(a, b) { kernels.multiplyAdd($1, $1, to: $0, count: $2) }
    // One rounding or two, relative to the larger of what is added.
    for i in 0..<count { #expect(abs(sums[i] - (b[i] * b[i] + a[i])) <= 2e-7 * (b[i] * b[i] + abs(a[i]))) }

    let largest = try #require(a.max())
    var sum: Float = 0
    let exponentials = try run(a, b) { x, _, n in
      #expect(kernels.maximum(x, count: n) == largest)
      let total = Float(kernels.sumOfExponentials(x, minus: largest, count: n))
      sum = kernels.exponentials(x, minus: largest, count: n)
      #expect(close(sum, total))
    }
    check(exponentials) { a, _ in Exponential.exp(a - largest) }
    #expect(close(sum, Float(exponentials.reduce(0.0) { $0 + Double($1) })))
  }

  @Test("Small matrix products", arguments: Kernels.available)
  func dense(kernels level: Kernels) throws {
    let kernels = EngineKernels(level)
    for (m, n, k) in [(1, 1, 1), (1, 64, 64), (6, 16, 8), (7, 33, 5), (48, 64, 64), (5, 100, 3), (13, 7, 70)] {
      let a = GuardedBuffer(numbers(m * k, seed: 3, times: 1))
      let b = GuardedBuffer(numbers(k * n, seed: 4, times: 1))
      let start = numbers(m * n, seed: 5, times: 1)
      for accumulate in [false, true] {
        let (found, expected) = (GuardedBuffer(start), GuardedBuffer(start))
        let left = MatrixPart(try #require(a.floats.baseAddress), stride: k)
        let right = MatrixPart(try #require(b.floats.baseAddress), stride: n)
        kernels.dense(
          left, right, into: try #require(found.floats.baseAddress), stride: n, m: m, n: n, k: k,
          accumulate: accumulate)
        denseProduct(
          left, right, into: try #require(expected.floats.baseAddress), stride: n, m: m, n: n, k: k,
          accumulate: accumulate)
        #expect(largestDifference(Array(found.floats), Array(expected.floats)) < 1e-5, "\(level) \(m) \(n) \(k)")
      }
    }
  }
}
