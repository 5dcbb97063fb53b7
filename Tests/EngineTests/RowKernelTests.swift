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

  /// Runs a loop over two rows whose memory ends at a guard page; returns what it left in the first.
  private func run(
    _ a: [Float], _ b: [Float], _ body: (Floats, Floats, Int) -> Void
  ) -> [Float] {
    let (first, second) = (GuardedBuffer(a), GuardedBuffer(b))
    body(Floats(first.floats), Floats(second.floats), a.count)
    return Array(first.floats)
  }

  @Test("Gates and exponentials, to the bit", arguments: Kernels.available, lengths)
  func rows(kernels level: Kernels, count: Int) throws {
    let kernels = EngineKernels(level)
    let plain = PlainRows(isFused: level.name != "portable")
    let (a, b) = (numbers(count, seed: 1, times: 20), numbers(count, seed: 2, times: 20))
    func each(_ function: (Float, Float) -> Float) -> [Float] { zip(a, b).map(function) }
    #expect(run(a, b) { kernels.siluProduct(gate: $0, up: $1, count: $2) } == each { plain.silu($0) * $1 })
    #expect(run(a, b) { kernels.multiply($0, bySiluOf: $1, count: $2) } == each { $0 * plain.silu($1) })
    #expect(run(a, b) { kernels.multiply($0, bySigmoidOf: $1, count: $2) } == each { $0 * plain.sigmoid($1) })
    #expect(run(a, b) { kernels.scale($0, by: 0.3, and: $1, count: $2) } == each { $0 * 0.3 * $1 })
    #expect(run(a, b) { kernels.multiplyAdd($1, $1, to: $0, count: $2) } == plain.multiplyAdd(b, b, to: a))

    let largest = try #require(a.max())
    let expected = plain.exponentials(a, minus: largest)
    let found = run(a, b) { x, _, n in
      let (top, total) = (kernels.maximum(x, count: n), kernels.sumOfExponentials(x, minus: largest, count: n))
      let sum = kernels.exponentials(x, minus: largest, count: n)
      #expect(top == largest && total == plain.sumOfExponentials(a, minus: largest) && sum == expected.sum)
    }
    #expect(found == expected.values)
  }

  @Test("Small matrix products, to the bit", arguments: Kernels.available)
  func dense(kernels level: Kernels) {
    let kernels = EngineKernels(level)
    let plain = PlainRows(isFused: level.name != "portable")
    for (m, n, k) in [(1, 1, 1), (1, 64, 64), (6, 16, 8), (7, 33, 5), (48, 64, 64), (5, 100, 3), (13, 7, 70)] {
      let (a, b) = (numbers(m * k, seed: 3, times: 1), numbers(k * n, seed: 4, times: 1))
      let (left, right) = (GuardedBuffer(a), GuardedBuffer(b))
      let start = numbers(m * n, seed: 5, times: 1)
      for accumulate in [false, true] {
        let found = GuardedBuffer(start)
        kernels.dense(
          MatrixPart(Floats(left.floats), stride: k),
          MatrixPart(Floats(right.floats), stride: n),
          into: Floats(found.floats), stride: n, m: m, n: n, k: k, accumulate: accumulate)
        let zeros = [Float](repeating: 0, count: m * n)
        let expected = plain.dense(a, b, adding: accumulate ? start : zeros, m: m, n: n, k: k)
        #expect(Array(found.floats) == expected, "\(level) \(m) \(n) \(k)")
      }
    }
  }
}
