/// Thirty-two weights as four-bit floating-point numbers under a power of two.
///
/// ```
/// byte    0 | 1            2           ...  16
///         e | q16:q0       q17:q1      ...  q31:q15     (high nibble : low nibble)
///         w[i] = value[q[i]] * 2^(e - 127)
/// ```
///
/// Source: OCP Microscaling Formats 1.0; ggml, `block_mxfp4`. 4.25 bits per weight.
package enum MXFP4: QuantCodec {
  package static let name = "MXFP4"
  package static let ggufID: UInt32? = 39
  package static let blockElements = 32
  package static let blockBytes = 17
  package static let scalePlaces = ScalePlaces.none

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for block in 0..<source.count / blockBytes {
      let start = block * blockBytes
      let scale = halvedPower(source[start])
      for i in 0..<16 {
        let pair = source[start + 1 + i]
        row[block * blockElements + i] = FourBitFloats.doubled[Int(pair & 15)] * scale
        row[block * blockElements + 16 + i] = FourBitFloats.doubled[Int(pair >> 4)] * scale
      }
    }
  }

  /// The exponent is two below that of the largest magnitude; importance plays no part.
  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    for block in 0..<row.count / blockElements {
      let x = row.slice(block * blockElements, blockElements)
      let start = block * blockBytes
      let largest = abs(SymmetricScale.extremeWeight(x))
      // What does not fit a byte wraps around: weights below 2^-125 get an enormous scale, and become zeros.
      let isUsable = largest > 0 && largest < .infinity
      let exponent = isUsable ? UInt8(truncatingIfNeeded: floorOfLog2(largest) + 125) : 0
      let scale = halvedPower(exponent)
      blocks[start] = exponent
      for i in 0..<16 {
        let low = FourBitFloats.nearest(x[i], scale: scale)
        blocks[start + 1 + i] = low | FourBitFloats.nearest(x[16 + i], scale: scale) << 4
      }
    }
  }

  /// 2^(e - 128): half the scale, since the values are doubled.
  package static func halvedPower(_ e: UInt8) -> Float {
    e < 2 ? Float(bitPattern: 0x0020_0000 << UInt32(e)) : Float(bitPattern: UInt32(e - 1) << 23)
  }

  /// What `floor(log2(x))` gives when log2 is rounded to a 32-bit float first, as the reference does.
  ///
  /// Just below a power of two the rounded logarithm already is the next integer `k`. It is, when `x` lies within
  /// `j` steps of 2^-24 below 2^k and `j * 2^-24 / ln 2` is less than half the distance of floats below `|k|`.
  static func floorOfLog2(_ x: Float) -> Int32 {
    let exponent = Int32(x.exponent)
    let steps = Int32(0x0100_0000) - Int32(bitPattern: x.significand.bitPattern & 0x007F_FFFF | 0x0080_0000)
    let next = exponent + 1
    // The float before a positive power of two is nearer than the one after it.
    let magnitude = next > 0 ? 2 * next - 1 : -2 * next
    guard magnitude > 0 else { return exponent }
    let octave = 31 - magnitude.leadingZeroBitCount - 1
    return steps <= roundedUp[max(0, octave)] ? next : exponent
  }

  /// 2^n * ln 2 for n = 0..., cut to integers.
  private static let roundedUp: [Int32] = [0, 1, 2, 5, 11, 22, 44, 88]
}
