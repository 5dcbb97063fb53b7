import Libc

/// The exponential of single numbers and what is built on it.
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
  package static func accurate(_ x: Float) -> Float { Float(exp(Double(x))) }

  // The C library's functions of single numbers: other files need not know what it is called on which system.

  static func exp(_ x: Double) -> Double { scalarExponential(x) }

  package static func logarithm(_ x: Double) -> Double { log(x) }

  package static func power(_ x: Double, _ y: Double) -> Double { pow(x, y) }

  /// Cosine and sine of an angle.
  static func turn(_ angle: Double) -> (Float, Float) { (Float(cos(angle)), Float(sin(angle))) }

  static func errorFunction(_ x: Float) -> Float { erff(x) }

  /// The logistic function of one number.
  package static func sigmoid(_ x: Float) -> Float { sigmoid(Lanes(repeating: x))[0] }

  /// e^x of one number, the same bits as in a row.
  package static func exp(_ x: Float) -> Float { exp(Lanes(repeating: x))[0] }
}

private func scalarExponential(_ x: Double) -> Double { exp(x) }
