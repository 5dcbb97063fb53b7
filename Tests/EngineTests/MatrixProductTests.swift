import Engine
import Quants
import Base
import TestSupport
import Testing

/// The matrix product against the same sums written out, at every level.
struct MatrixProductTests {
  static let types: [TensorType] = [.f32, .f16, .bf16, .q8_0, .q4_0, TensorType(F64.self)]
  static let superBlockTypes = [
    TensorType(Q4_K.self), TensorType(Q5_K.self), TensorType(Q6_K.self), TensorType(Q3_K.self),
  ]

  static func random(_ count: Int, seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in generator.float() }
  }

  /// Random weights whose memory ends at a page nobody may touch.
  static func matrix(_ type: TensorType, rows: Int, columns: Int, kernels: Kernels) throws -> WeightMatrix {
    let codec = try RowCodec(type, kernels: kernels)
    let rowBytes = try type.byteCount(columns: columns)
    var bytes = [UInt8](repeating: 0, count: rows * rowBytes)
    for row in 0..<rows {
      let weights = random(columns, seed: UInt64(row + 1))
      bytes.withUnsafeMutableBytes { all in
        weights.withUnsafeBufferPointer {
          codec.encode($0, into: UnsafeMutableRawBufferPointer(rebasing: all[row * rowBytes..<(row + 1) * rowBytes]))
        }
      }
    }
    // The last row ends where memory does: a kernel that reads past it crashes.
    let guarded = GuardedBuffer(bytes)
    return try WeightMatrix(
      rows: rows, columns: columns, type: type, bytes: guarded.readOnly, owner: guarded, kernels: kernels)
  }

  /// Multiplies on memory whose end is guarded.
  static func multiply(
    _ product: MatrixProduct, _ x: [Float], tokens: Int, _ w: WeightMatrix, of batch: Int? = nil
  ) -> [Float] {
    let input = GuardedBuffer(x)
    let output = GuardedBuffer(count: tokens * w.rows * 4)
    product.multiply(input.readOnlyFloats, tokens: tokens, by: w, into: output.floats, of: batch)
    return Array(output.floats)
  }

  /// The promised sums of the road that a product takes.
  static func promised(_ x: [Float], tokens: Int, _ w: WeightMatrix, _ kernels: Kernels) -> [Float] {
    let isFused = kernels.name != "portable"
    return tokens <= FormatKernels.fewTokens && kernels[w.type]?.hasDigits == true
      ? PlainDigits.multiply(x, tokens: tokens, by: w, isFused: isFused)
      : PlainProduct.multiply(x, tokens: tokens, by: w, isFused: isFused)
  }

  @Test(arguments: Kernels.available, types)
  func `every output is the promised sum to the bit`(kernels: Kernels, type: TensorType) throws {
    let sizes = [(1, 1, 32), (1, 100, 544), (2, 70, 64), (3, 33, 288), (5, 16, 256), (7, 150, 512), (23, 131, 800)]
    for (tokens, rows, columns) in sizes {
      let w = try Self.matrix(type, rows: rows, columns: columns, kernels: kernels)
      let x = Self.random(tokens * columns, seed: 99)
      let expected = Self.promised(x, tokens: tokens, w, kernels)
      for threads in [1, 7] {
        let y = Self.multiply(MatrixProduct(kernels: kernels, threads: threads), x, tokens: tokens, w)
        try #require(y == expected, "\(kernels) \(type) [\(tokens), \(columns)] x \(rows), \(threads) threads")
      }
    }
  }

  @Test(arguments: Kernels.available, superBlockTypes)
  func `super-blocks too, with few tokens and with many`(kernels: Kernels, type: TensorType) throws {
    for (tokens, rows, columns) in [(1, 200, 768), (2, 65, 256), (3, 7, 512), (4, 128, 256), (5, 40, 512)] {
      let w = try Self.matrix(type, rows: rows, columns: columns, kernels: kernels)
      let x = Self.random(tokens * columns, seed: 3)
      let y = Self.multiply(MatrixProduct(kernels: kernels, threads: 2), x, tokens: tokens, w)
      let expected = Self.promised(x, tokens: tokens, w, kernels)
      try #require(y == expected, "\(kernels) \(type) [\(tokens), \(columns)] x \(rows)")
    }
  }

  @Test(arguments: Kernels.available, [37, 1])
  func `columns need not fill a register`(kernels: Kernels, columns: Int) throws {
    let w = try Self.matrix(.bf16, rows: 21, columns: columns, kernels: kernels)
    let x = Self.random(9 * columns, seed: 5)
    let y = Self.multiply(MatrixProduct(kernels: kernels, threads: 2), x, tokens: 9, w)
    #expect(y == PlainProduct.multiply(x, tokens: 9, by: w, isFused: kernels.name != "portable"))
  }

  @Test(arguments: Kernels.available)
  func `a token's outputs do not depend on its company`(kernels: Kernels) throws {
    let w = try Self.matrix(.q8_0, rows: 35, columns: 1024, kernels: kernels)
    let tokens = 2053
    let x = Self.random(tokens * 1024, seed: 7)
    let together = Self.multiply(MatrixProduct(kernels: kernels, threads: 7), x, tokens: tokens, w)
    let alone = MatrixProduct(kernels: kernels, threads: 1)
    for token in [0, 1, 255, 507, 2039, 2040, 2045, 2046, 2047, 2048, 2052] {
      let y = Self.multiply(alone, Array(x[token * 1024..<(token + 1) * 1024]), tokens: 1, w, of: tokens)
      try #require(y == Array(together[token * 35..<(token + 1) * 35]), "token \(token)")
    }
    // A batch whose last chunk is one of few tokens takes one road all the same.
    let most = Self.multiply(alone, Array(x[..<(2050 * 1024)]), tokens: 2050, w)
    #expect(most == Array(together[..<(2050 * 35)]))
  }

  @Test func `levels with a fused multiply-add agree and all are close to the exact sum`() throws {
    let columns = 2048
    let x = Self.random(columns, seed: 1)
    for kernels in Kernels.available {
      let w = try Self.matrix(.f32, rows: 50, columns: columns, kernels: kernels)
      let y = Self.multiply(MatrixProduct(kernels: kernels, threads: 1), x, tokens: 1, w)
      for row in 0..<50 {
        let weights = Self.random(columns, seed: UInt64(row + 1))
        let terms = zip(x, weights).map { Double($0) * Double($1) }
        let size = terms.reduce(0) { $0 + abs($1) }
        #expect(abs(Double(y[row]) - terms.reduce(0, +)) <= size * 1e-6, "\(kernels)")
      }
    }
  }

  @Test func `sizes that disagree are refused`() {
    #expect(throws: CheckpointError.self) {
      try WeightMatrix(rows: 2, columns: 32, type: .q8_0, copying: [UInt8](repeating: 0, count: 67))
    }
    #expect(throws: CheckpointError.self) {
      try WeightMatrix(rows: 2, columns: 31, type: .q8_0, copying: [UInt8](repeating: 0, count: 68))
    }
  }

  @Test func `a pool runs every item once and survives use from inside`() {
    let pool = WorkerPool(threads: 7)
    for count in [0, 1, 5, 1000] {
      let hits = GuardedBuffer(count: max(1, count) * 4)
      let counts = Counts(hits.floats)
      pool.run(count: count) { item, _ in
        pool.run(count: 3) { _, _ in }
        counts.values[item] += 1
      }
      #expect(hits.floats.prefix(count).allSatisfy { $0 == 1 })
    }
  }

  /// Lets a body write the element of its own item.
  private struct Counts: @unchecked Sendable {  // items touch different elements
    let values: UnsafeMutableBufferPointer<Float>
    init(_ values: UnsafeMutableBufferPointer<Float>) { self.values = values }
  }
}
