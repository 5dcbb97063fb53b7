/// Sixty-four weights as four-bit floating-point numbers, in four groups with an eight-bit floating-point scale each.
///
/// ```
/// byte   0 ..  3  scale of each group of 16: unsigned, 4 exponent bits (bias 7), 3 fraction bits
///        4 .. 11  byte l holds w[l] : w[l+8]                       (low nibble : high nibble)
///       12 .. 35  the same for the other three groups of 16
///       w[i] = value[q[i]] * scale[i / 16]
/// ```
///
/// Source: ggml, `block_nvfp4`. 4.5 bits per weight.
package enum NVFP4: QuantCodec {
  package static let name = "NVFP4"
  package static let ggufID: UInt32? = 40
  package static let blockElements = 64
  package static let blockBytes = 36
  package static let scalePlaces = ScalePlaces.none

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for block in 0..<source.count / blockBytes {
      let start = block * blockBytes
      for group in 0..<4 {
        let scale = halvedScale(source[start + group])
        let first = block * blockElements + group * 16
        for i in 0..<8 {
          let pair = source[start + 4 + group * 8 + i]
          row[first + i] = FourBitFloats.doubled[Int(pair & 15)] * scale
          row[first + 8 + i] = FourBitFloats.doubled[Int(pair >> 4)] * scale
        }
      }
    }
  }

  /// The scale is a sixth of the largest magnitude of the group; importance plays no part.
  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    for block in 0..<row.count / blockElements {
      let start = block * blockBytes
      for group in 0..<4 {
        let x = row.slice(block * blockElements + group * 16, 16)
        let stored = scaleBits(abs(SymmetricScale.extremeWeight(x)) / 6)
        let scale = halvedScale(stored)
        blocks[start + group] = stored
        for i in 0..<8 {
          let low = FourBitFloats.nearest(x[i], scale: scale)
          blocks[start + 4 + group * 8 + i] = low | FourBitFloats.nearest(x[8 + i], scale: scale) << 4
        }
      }
    }
  }

  /// Half the value of a scale, since the numbers' values are doubled; 127, which is NaN in E4M3, counts as zero.
  package static func halvedScale(_ bits: UInt8) -> Float {
    guard bits != 0x7F else { return 0 }
    let exponent = Int(bits >> 3 & 15)
    let fraction = Float(bits & 7)
    if exponent == 0 { return fraction * 0x1p-9 * 0.5 }
    return Float(sign: .plus, exponent: exponent - 7, significand: 1 + fraction / 8) * 0.5
  }

  /// The nearest scale, halves upwards; at most 448 and never NaN.
  static func scaleBits(_ value: Float) -> UInt8 {
    guard value > 0 else { return 0 }
    let bits = min(value, 448).bitPattern
    var exponent = Int(bits >> 23 & 0xFF) - 127 + 7
    if exponent <= 0 {
      // Below the smallest normal scale steps are 2^-9 wide.
      return UInt8(truncatingIfNeeded: min(7, truncatedInteger(value * 512 + 0.5)))
    }
    if exponent >= 15 { return 0x7E }
    var fraction = Int(bits >> 20 & 7) + Int(bits >> 19 & 1)
    if fraction > 7 {
      fraction = 0
      exponent += 1
      if exponent >= 15 { return 0x7E }
    }
    return UInt8(truncatingIfNeeded: exponent << 3 | fraction)
  }
}
