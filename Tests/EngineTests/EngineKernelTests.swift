import Engine
import Quants
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The engine's elementwise loops against plain arithmetic in double precision.
struct EngineKernelTests {
  /// e^x of each element.
  private static func exponentials(
    _ engine: EngineKernels, _ from: UnsafeMutableBufferPointer<Float>, into to: UnsafeMutableBufferPointer<Float>
  ) {
    _ = to.update(fromContentsOf: from)
    _ = engine.exponentials(Floats(to), minus: 0, count: to.count)
  }

  /// 1 / (1 + e^-x) of each element.
  private static func sigmoids(
    _ engine: EngineKernels, _ from: UnsafeMutableBufferPointer<Float>, into to: UnsafeMutableBufferPointer<Float>
  ) {
    to.update(repeating: 1)
    engine.multiply(Floats(to), bySigmoidOf: Floats(from), count: to.count)
  }

  @Test(arguments: Kernels.available)
  func `exponentials are right to about a unit in the last place`(kernels: Kernels) {
    let engine = EngineKernels(kernels)
    var inputs: [Float] = [0, -0.0, 1, -1, 88.72, 88.73, 200, -87.3, -88, -103.9, -104, -200, .infinity, -.infinity]
    inputs += stride(from: -100, through: 88, by: 0.0173).map { Float($0) }
    let from = GuardedBuffer(inputs)
    let to = GuardedBuffer(count: inputs.count * 4)
    Self.exponentials(engine, from.floats, into: to.floats)
    for (x, y) in zip(inputs, to.floats) {
      let exact = exp(Double(x))
      if exact > Double(Float.greatestFiniteMagnitude) {
        #expect(y == .infinity, "\(x)")
      } else {
        #expect(abs(Double(y) - exact) <= max(exact * 1.3e-7, 1.5e-45), "e^\(x) is \(exact), not \(y)")
      }
    }
    Self.sigmoids(engine, from.floats, into: to.floats)
    for (x, y) in zip(inputs, to.floats) {
      let exact = 1 / (1 + exp(-Double(x)))
      #expect(abs(Double(y) - exact) <= exact * 3e-7 + 1e-38, "sigmoid \(x)")
    }
    engine.silu(Floats(from.floats), into: Floats(to.floats), count: inputs.count)
    for (x, y) in zip(inputs, to.floats) where x.isFinite {
      let exact = Double(x) / (1 + exp(-Double(x)))
      #expect(abs(Double(y) - exact) <= abs(exact) * 3e-7 + 1e-36, "silu \(x)")
    }
  }

  @Test(arguments: Kernels.available)
  func `a NaN stays a NaN`(kernels: Kernels) {
    let engine = EngineKernels(kernels)
    var values: [Float] = [.nan, 1, .nan, 2, 3]
    values.withUnsafeMutableBufferPointer { buffer in
      _ = engine.exponentials(Floats(buffer), minus: 0, count: buffer.count)
    }
    #expect(values.map(\.isNaN) == [true, false, true, false, false])
  }

  @Test(arguments: Kernels.available, [0, 1, 7, 31, 32, 33, 100, 257])
  func `sums and scaled sums`(kernels: Kernels, count: Int) {
    let engine = EngineKernels(kernels)
    let a = GuardedBuffer(MatrixProductTests.random(count, seed: 1))
    let b = GuardedBuffer(MatrixProductTests.random(count, seed: 2))
    let exact = zip(a.floats, b.floats).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    let size = zip(a.floats, b.floats).reduce(0.0) { $0 + abs(Double($1.0) * Double($1.1)) }
    let sum = engine.dot(Floats(a.floats), Floats(b.floats), count: count)
    #expect(abs(Double(sum) - exact) <= size * 1e-6)
    #expect(sum == PlainRows(isFused: kernels.name != "portable").dot(Array(a.floats), Array(b.floats)))
    let before = Array(b.floats)
    engine.addScaled(Floats(a.floats), by: 0.7, to: Floats(b.floats), count: count)
    for i in 0..<count {
      let x = a.floats[i]
      let expected = kernels.name == "portable" ? before[i] + 0.7 * x : before[i].addingProduct(0.7, x)
      #expect(b.floats[i] == expected)
    }
  }

  /// Every level has the bits of the written-out function, so all levels with a fused multiply-add have the same.
  @Test(arguments: Kernels.available)
  func `elementary functions are the written-out ones to the bit`(kernels: Kernels) throws {
    let engine = EngineKernels(kernels)
    let plain = PlainRows(isFused: kernels.name != "portable")
    var inputs: [Float] = [0, -0.0, 88.72, 88.73, 89, 200, -87.3, -88, -103.9, -104, -200, .infinity, -.infinity, .nan]
    inputs += [.leastNonzeroMagnitude, -.leastNonzeroMagnitude, .greatestFiniteMagnitude, -.greatestFiniteMagnitude]
    inputs += MatrixProductTests.random(20_011, seed: 9).map { $0 * 110 }
    inputs += MatrixProductTests.random(5_000, seed: 10).map { $0 * 1e-3 }
    let from = GuardedBuffer(inputs)
    let to = GuardedBuffer(count: inputs.count * 4)
    func check(_ name: String, _ function: (Float) -> Float) throws {
      for (x, y) in zip(inputs, to.floats) {
        let expected = function(x)
        try #require(y.bitPattern == expected.bitPattern || y.isNaN && expected.isNaN, "\(name) of \(x)")
      }
    }
    Self.exponentials(engine, from.floats, into: to.floats)
    try check("exp", plain.exp)
    Self.sigmoids(engine, from.floats, into: to.floats)
    try check("sigmoid", plain.sigmoid)
    engine.silu(Floats(from.floats), into: Floats(to.floats), count: inputs.count)
    try check("silu", plain.silu)
  }
}
