/// The engine's loops over rows written out: what ``EngineKernels`` computes, one number at a time and to the bit.
///
/// `isFused` says whether a multiply-add rounds once, as at every level but `portable`. Tests hold every level against these, so
/// levels that cannot run on one processor agree all the same.
package struct PlainRows: Sendable {
  package let isFused: Bool

  package init(isFused: Bool) { self.isFused = isFused }

  /// a * b + c.
  func multiplyAdd(_ a: Float, _ b: Float, _ c: Float) -> Float { isFused ? c.addingProduct(a, b) : a * b + c }

  /// e^x; see `ck_exp` in `ops/vector.h`.
  package func exp(_ x: Float) -> Float {
    // NaN fails both comparisons and passes through.
    var v = x < -104 ? -104 : x
    v = v > 89 ? 89 : v
    let shifter: Float = 0x1.8p23
    var k = multiplyAdd(v, 1.442_695_04, shifter) - shifter
    var r = multiplyAdd(k, -0.693_145_752, v)
    r = multiplyAdd(k, -1.428_606_77e-6, r)
    var p: Float = 0x1.6a2434p-10
    for coefficient: Float in [0x1.1239e2p-7, 0x1.5558f2p-5, 0x1.555492p-3, 0x1.fffffcp-2, 1, 1] {
      p = multiplyAdd(p, r, coefficient)
    }
    if x.isNaN { k = 0 }
    let power = Int32(k)
    let half = power >> 1
    // Two factors, so that results underflow gradually and overflow to infinity.
    let first = Float(bitPattern: UInt32(bitPattern: (half + 127) << 23))
    let second = Float(bitPattern: UInt32(bitPattern: (power - half + 127) << 23))
    return p * first * second
  }

  /// 1 / (1 + e^-x).
  package func sigmoid(_ x: Float) -> Float { 1 / (1 + exp(-x)) }

  /// x / (1 + e^-x).
  package func silu(_ x: Float) -> Float { x / (1 + exp(-x)) }

  /// The sum of a[i] * b[i] over 32 partial sums.
  package func dot(_ a: [Float], _ b: [Float]) -> Float {
    var partial = [Float](repeating: 0, count: 32)
    let whole = a.count / 32 * 32
    for i in 0..<whole { partial[i % 32] = multiplyAdd(a[i], b[i], partial[i % 32]) }
    var total = Self.halved(partial)
    for i in whole..<a.count { total = multiplyAdd(a[i], b[i], total) }
    return total
  }

  /// y[i] + a[i] * x[i].
  package func multiplyAdd(_ a: [Float], _ x: [Float], to y: [Float]) -> [Float] {
    y.indices.map { multiplyAdd(a[$0], x[$0], y[$0]) }
  }

  /// e^(x - shift) of each number, and their sum over 16 partial sums.
  package func exponentials(_ x: [Float], minus shift: Float) -> (values: [Float], sum: Float) {
    let values = x.map { exp($0 - shift) }
    var partial = [Float](repeating: 0, count: 16)
    let whole = x.count / 16 * 16
    for i in 0..<whole { partial[i % 16] += values[i] }
    return (values, values[whole...].reduce(Self.halved(partial), +))
  }

  /// The sum of e^(x - shift), sums of 512 added in double precision.
  package func sumOfExponentials(_ x: [Float], minus shift: Float) -> Double {
    stride(from: 0, to: x.count, by: 512).reduce(0.0) { total, start in
      total + Double(exponentials(Array(x[start..<min(start + 512, x.count)]), minus: shift).sum)
    }
  }

  /// c + a b for a [m, k], b [k, n] and c [m, n]: each number is one chain over k in order, from what `c` holds.
  package func dense(_ a: [Float], _ b: [Float], adding c: [Float], m: Int, n: Int, k: Int) -> [Float] {
    var c = c
    for i in 0..<m {
      for p in 0..<k {
        for j in 0..<n { c[i * n + j] = multiplyAdd(a[i * k + p], b[p * n + j], c[i * n + j]) }
      }
    }
    return c
  }

  /// One token of the gated delta rule: what becomes of a memory of [k.count, v.count], and what the query reads from it.
  package func deltaStep(
    _ memory: [Float], k: [Float], q: [Float], v: [Float], kept: Float, rate: Float
  ) -> (memory: [Float], output: [Float]) {
    var memory = memory.map { $0 * kept }
    var output: [Float] = []
    for j in v.indices {
      let seen = k.indices.reduce(Float(0)) { multiplyAdd(k[$1], memory[$1 * v.count + j], $0) }
      let correction = (v[j] - seen) * rate
      var sum: Float = 0
      for i in k.indices {
        memory[i * v.count + j] = multiplyAdd(k[i], correction, memory[i * v.count + j])
        sum = multiplyAdd(q[i], memory[i * v.count + j], sum)
      }
      output.append(sum)
    }
    return (memory, output)
  }

  /// Adds the upper half of partial sums to the lower one until one number is left.
  private static func halved(_ partial: [Float]) -> Float {
    var partial = partial
    var width = partial.count / 2
    while width > 0 {
      for j in 0..<width { partial[j] += partial[j + width] }
      width /= 2
    }
    return partial[0]
  }
}
