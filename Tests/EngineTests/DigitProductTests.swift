import Engine
import Quants
import Base
import TestSupport
import Testing

/// A few tokens by block formats: activations of two digits, products of integers.
struct DigitProductTests {
  static let types = QuantFormats.all.filter { Kernels.best[$0]?.hasDigits == true }

  @Test(arguments: Kernels.available, types)
  func `every output is the promised sum to the bit`(kernels: Kernels, type: TensorType) throws {
    // Whole stretches of 256 columns and, where blocks allow it, one that is shorter.
    let short = type.blockElements < 256 ? 256 + type.blockElements : 256
    for (tokens, columns) in [(1, 512), (2, short), (3, 256), (4, short)] {
      let w = try MatrixProductTests.matrix(type, rows: 3, columns: columns, kernels: kernels)
      let x = MatrixProductTests.random(tokens * columns, seed: 11)
      let expected = MatrixProductTests.promised(x, tokens: tokens, w, kernels)
      for threads in [1, 3] {
        let product = MatrixProduct(kernels: kernels, threads: threads)
        let y = MatrixProductTests.multiply(product, x, tokens: tokens, w)
        try #require(y == expected, "\(kernels) \(type) [\(tokens), \(columns)], \(threads) threads")
      }
    }
  }

  @Test(arguments: Kernels.available)
  func `rows are shared among threads and tokens among rows`(kernels: Kernels) throws {
    let w = try MatrixProductTests.matrix(TensorType(Q4_K.self), rows: 700, columns: 1024, kernels: kernels)
    let x = MatrixProductTests.random(4 * 1024, seed: 12)
    let alone = (0..<4).map { token in
      MatrixProductTests.multiply(
        MatrixProduct(kernels: kernels, threads: 1), Array(x[token * 1024..<(token + 1) * 1024]), tokens: 1, w)
    }
    for tokens in 1...4 {
      let product = MatrixProduct(kernels: kernels, threads: 7)
      let y = MatrixProductTests.multiply(product, Array(x[..<(tokens * 1024)]), tokens: tokens, w)
      #expect(y == Array(alone[..<tokens].joined()))
    }
  }

  /// Digits must not be worse than the chain of multiply-adds, whatever the activations are like.
  @Test(arguments: types) func `errors are at most those of the fma road`(type: TensorType) throws {
    let columns = 768
    let w = try MatrixProductTests.matrix(type, rows: 12, columns: columns, kernels: .best)
    let product = MatrixProduct(threads: 1)
    let noise = Self.normal(4 * columns, seed: 21)
    for (what, x) in [
      ("like noise", noise), ("all of one sign", noise.map { abs($0) + 1 }),
      ("one column a hundred times the rest", noise.enumerated().map { $0 % columns == 77 ? 100 : $1 }),
    ] {
      let cut = MatrixProductTests.multiply(product, x, tokens: 4, w)
      let chained = MatrixProductTests.multiply(product, x, tokens: 4, w, of: 5)
      let exact = Self.exact(x, tokens: 4, w)
      let (digits, fma) = (Self.error(cut, exact), Self.error(chained, exact))
      #expect(digits <= fma, "\(type), activations \(what): digits \(digits), fma \(fma)")
      #expect(fma < 1e-6)
    }
  }

  @Test(arguments: Kernels.available)
  func `zeros, tiny and huge activations keep their size`(kernels: Kernels) throws {
    let w = try MatrixProductTests.matrix(.q8_0, rows: 3, columns: 512, kernels: kernels)
    let product = MatrixProduct(kernels: kernels, threads: 1)
    let x = MatrixProductTests.random(512, seed: 4)
    #expect(MatrixProductTests.multiply(product, [Float](repeating: 0, count: 512), tokens: 1, w) == [0, 0, 0])
    for size: Float in [0x1p-100, 0x1p-60, 0x1p90] {
      let scaled = x.map { $0 * size }
      let y = MatrixProductTests.multiply(product, scaled, tokens: 1, w)
      #expect(Self.error(y.map { $0 / size }, Self.exact(scaled, tokens: 1, w).map { $0 / Double(size) }) < 1e-6)
    }
  }

  @Test(arguments: Kernels.available, types)
  func `what is not finite makes outputs that are not numbers`(kernels: Kernels, type: TensorType) throws {
    let w = try MatrixProductTests.matrix(type, rows: 3, columns: 512, kernels: kernels)
    for wrong: Float in [.infinity, -.infinity, .nan] {
      var x = MatrixProductTests.random(2 * 512, seed: 4)
      let plain = MatrixProductTests.multiply(MatrixProduct(kernels: kernels, threads: 1), x, tokens: 2, w)
      x[300] = wrong
      let y = MatrixProductTests.multiply(MatrixProduct(kernels: kernels, threads: 1), x, tokens: 2, w)
      #expect(y[..<3].allSatisfy { $0.isNaN })
      #expect(y[3...] == plain[3...], "the token beside it is untouched")
    }
  }

  /// Sums of twelve: near enough to a normal distribution.
  private static func normal(_ count: Int, seed: UInt64) -> [Float] {
    let numbers = MatrixProductTests.random(count * 12, seed: seed)
    return (0..<count).map { i in numbers[i * 12..<(i + 1) * 12].reduce(0, +) / 2 }
  }

  private static func exact(_ x: [Float], tokens: Int, _ w: WeightMatrix) -> [Double] {
    var weights = [Float](repeating: 0, count: w.columns)
    var y = [Double](repeating: 0, count: tokens * w.rows)
    for row in 0..<w.rows {
      weights.withUnsafeMutableBufferPointer { w.decode(row: row, into: $0) }
      for token in 0..<tokens {
        for column in 0..<w.columns {
          y[token * w.rows + row] += Double(x[token * w.columns + column]) * Double(weights[column])
        }
      }
    }
    return y
  }

  /// The root of the mean square error over that of the values.
  private static func error(_ found: [Float], _ exact: [Double]) -> Double {
    let wrong = zip(found, exact).reduce(0) { $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1) }
    return (wrong / exact.reduce(0) { $0 + $1 * $1 }).squareRoot()
  }
}
