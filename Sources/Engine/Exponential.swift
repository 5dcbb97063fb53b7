#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The exponential and what is built on it, eight lanes at a time.
///
/// exp(x) = 2^n e^r with n = round(x / ln 2) and |r| <= ln(2)/2; e^r is a polynomial of degree seven
/// (the coefficients of Cephes' expf).
/// Relative error below 2.5e-7 (about two units in the last place) for -87 <= x <= 88; below -87.3 the answer is 0, above 88.7
/// infinity; NaN stays NaN. The same bits come out whether a value sits in the middle of a row or in its tail.
package enum Exponential {
  /// e^x in each lane.
  @inline(__always)
  static func exp(_ x: Lanes) -> Lanes {
    // Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits of the sum.
    let magic = Lanes(repeating: 12_582_912)
    let high: Lanes = x.replacing(with: Lanes(repeating: 89), where: x .> 89)
    let clamped: Lanes = high.replacing(with: Lanes(repeating: -88), where: high .< -88)
    let shifted = clamped * 1.442_695_04 + magic
    let n = shifted - magic
    // ln 2 in two parts; n times the first one is exact.
    let r = (clamped - n * 0.693_359_375) + n * 2.121_944_4e-4
    var p = r * 1.987_569_1e-4 + 1.398_2e-3
    p = p * r + 8.333_452e-3
    p = p * r + 4.166_579_6e-2
    p = p * r + 1.666_666_5e-1
    p = p * r + 0.5
    p = (p * r) * r + r + 1
    // 2^n as two factors, so that neither leaves the range of normal numbers.
    let whole = SIMD8<Int32>(truncatingIfNeeded: unsafeBitCast(shifted, to: SIMD8<Int32>.self) &- 0x4B40_0000)
    let half = whole &>> 1
    let first = unsafeBitCast((half &+ 127) &<< 23, to: Lanes.self)
    let second = unsafeBitCast((whole &- half &+ 127) &<< 23, to: Lanes.self)
    let result = p * first * second
    let kept = result.replacing(with: Lanes.zero, where: x .< -87.3)
    let capped = kept.replacing(with: Lanes(repeating: .infinity), where: x .> 88.72)
    return capped.replacing(with: x, where: x .!= x)
  }

  /// 1 / (1 + e^-x) in each lane.
  @inline(__always)
  static func sigmoid(_ x: Lanes) -> Lanes { 1 / (1 + exp(-x)) }

  /// log(1 + e^x), x itself above 20 as the reference has it.
  package static func softplus(_ x: Float) -> Float { x > 20 ? x : log1pf(expf(x)) }

  /// e^x of one number to the last bit, for what is computed once.
  package static func accurate(_ x: Float) -> Float {
    #if canImport(Glibc)
      Float(Glibc.exp(Double(x)))
    #elseif canImport(Musl)
      Float(Musl.exp(Double(x)))
    #elseif canImport(Darwin)
      Float(Darwin.exp(Double(x)))
    #endif
  }

  /// The logistic function of one number.
  package static func sigmoid(_ x: Float) -> Float { sigmoid(Lanes(repeating: x))[0] }

  /// e^x of one number, the same bits as in a row.
  package static func exp(_ x: Float) -> Float { exp(Lanes(repeating: x))[0] }

  /// Replaces each of `count` places by `body` of it and of what `other` holds there.
  @inline(__always)
  static func update(
    _ x: UnsafeMutablePointer<Float>, _ other: UnsafePointer<Float>, _ count: Int, _ body: (Lanes, Lanes) -> Lanes
  ) {
    var i = 0
    while i + 8 <= count {
      x.store(body(x.lanes(i), other.lanes(i)), i)
      i += 8
    }
    if i < count {
      var a = Lanes.zero
      var b = Lanes.zero
      for j in i..<count {
        a[j - i] = x[j]
        b[j - i] = other[j]
      }
      let result = body(a, b)
      for j in i..<count { x[j] = result[j - i] }
    }
  }

  /// x <- silu(x) = x / (1 + e^-x).
  static func silu(_ x: UnsafeMutablePointer<Float>, _ count: Int) {
    update(x, x, count) { v, _ in v * sigmoid(v) }
  }

  /// gate <- silu(gate) * up, the middle of a gated feed-forward layer.
  static func siluProduct(gate: UnsafeMutablePointer<Float>, up: UnsafePointer<Float>, _ count: Int) {
    update(gate, up, count) { g, u in g * sigmoid(g) * u }
  }

  /// x <- x * sigmoid(gate), the output gate of attention.
  static func gate(_ x: UnsafeMutablePointer<Float>, by gate: UnsafePointer<Float>, _ count: Int) {
    update(x, gate, count) { v, g in v * sigmoid(g) }
  }

  /// x <- x * silu(gate), the output gate of the delta net.
  static func multiply(_ x: UnsafeMutablePointer<Float>, bySiluOf gate: UnsafePointer<Float>, _ count: Int) {
    update(x, gate, count) { v, g in v * (g * sigmoid(g)) }
  }

  /// x <- e^(x - shift); returns the sum of the results.
  static func exponentials(_ x: UnsafeMutablePointer<Float>, _ count: Int, minus shift: Float) -> Float {
    var sums = Lanes.zero
    var i = 0
    while i + 8 <= count {
      let e = exp(x.lanes(i) - shift)
      x.store(e, i)
      sums += e
      i += 8
    }
    var total = sums.sum()
    while i < count {
      let e = exp(x[i] - shift)
      x[i] = e
      total += e
      i += 1
    }
    return total
  }

  /// The sum of e^(x - shift), leaving x as it is; partial sums of 512 are added in double precision.
  static func sum(_ x: UnsafePointer<Float>, _ count: Int, minus shift: Float) -> Double {
    var total = 0.0
    var i = 0
    while i + 8 <= count {
      var sums = Lanes.zero
      let end = min(i + 512, count)
      while i + 8 <= end {
        sums += exp(x.lanes(i) - shift)
        i += 8
      }
      total += Double(sums.sum())
    }
    while i < count {
      total += Double(exp(x[i] - shift))
      i += 1
    }
    return total
  }

  /// The largest of `count` values; -infinity when there is none.
  static func maximum(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
    var best = Lanes(repeating: -.infinity)
    var i = 0
    while i + 8 <= count {
      let v = x.lanes(i)
      best.replace(with: v, where: v .> best)
      i += 8
    }
    var result = best.max()
    while i < count {
      if x[i] > result { result = x[i] }
      i += 1
    }
    return result
  }
}
