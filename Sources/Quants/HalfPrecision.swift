import Base

/// Conversions between 32-bit floats and the two 16-bit kinds, bit by bit.
///
/// All round to nearest, ties to even. Written out so that no compiler or processor can choose otherwise; the vector
/// kernels are tested against these.
package enum HalfPrecision {
  /// IEEE binary16 bits of a float; too large becomes infinity, NaN stays a quiet NaN with its upper payload.
  package static func f16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    let sign = UInt16(truncatingIfNeeded: bits >> 16) & 0x8000
    let magnitude = bits & 0x7FFF_FFFF
    if magnitude > 0x7F80_0000 { return sign | 0x7E00 | UInt16(truncatingIfNeeded: magnitude >> 13) & 0x03FF }
    // 65520 is the midpoint above the largest half; it ties to the even side, which is infinity.
    if magnitude >= 0x477F_F000 { return sign | 0x7C00 }
    if magnitude >= 0x3880_0000 {
      let rounded = magnitude + 0x0FFF + (magnitude >> 13 & 1)
      return sign | UInt16(truncatingIfNeeded: (rounded - 0x3800_0000) >> 13)
    }
    // Below the smallest normal half the step is 2^-24: shift the significand down and round what falls off.
    if magnitude <= 0x3300_0000 { return sign }
    let exponent = magnitude >> 23
    let significand = magnitude & 0x007F_FFFF | 0x0080_0000
    let shift = 126 - exponent
    let kept = significand >> shift
    let lost = significand & (1 << shift - 1)
    let half: UInt32 = 1 << (shift - 1)
    let up: UInt32 = lost > half || (lost == half && kept & 1 == 1) ? 1 : 0
    return sign | UInt16(truncatingIfNeeded: kept + up)
  }

  /// The float of IEEE binary16 bits; exact, signalling NaNs become quiet.
  package static func float(f16 bits: UInt16) -> Float {
    let sign = UInt32(bits & 0x8000) << 16
    let exponent = UInt32(bits >> 10 & 0x1F)
    let significand = UInt32(bits & 0x3FF)
    switch exponent {
    case 0:
      // The value is significand x 2^-24; converting the integer normalizes it.
      let magnitude = Float(significand) * Float(bitPattern: 0x3380_0000)
      return Float(bitPattern: sign | magnitude.bitPattern)
    case 0x1F:
      let quiet: UInt32 = significand == 0 ? 0 : 0x0040_0000
      return Float(bitPattern: sign | 0x7F80_0000 | quiet | significand << 13)
    default:
      return Float(bitPattern: sign | (exponent + 112) << 23 | significand << 13)
    }
  }

  /// bfloat16 bits of a float; NaN stays a quiet NaN.
  package static func bf16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if bits & 0x7FFF_FFFF > 0x7F80_0000 { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
    return UInt16(truncatingIfNeeded: (bits + (0x7FFF + (bits >> 16 & 1))) >> 16)
  }

  /// The float of bfloat16 bits; exact.
  package static func float(bf16 bits: UInt16) -> Float {
    Float(bitPattern: UInt32(bits) << 16)
  }
}

extension HalfPrecision {
  /// A value in the precision of a type.
  package static func rounded(_ value: Float, to type: ElementType) -> Float {
    switch type {
    case .bf16: float(bf16: bf16(value))
    case .f16: float(f16: f16(value))
    default: value
    }
  }

  /// The neighbour, above or below, of a value that has a type's precision.
  package static func neighbour(of value: Float, in type: ElementType, up: Bool) -> Float {
    switch type {
    case .bf16:
      // Neighbours of BF16 are 2^16 apart in the bits of F32; the sign turns their direction.
      let step: Int64 = (value.sign == .plus) == up ? 1 << 16 : -(1 << 16)
      if value == 0 { return Float(bitPattern: 1 << 16) * (up ? 1 : -1) }
      return Float(bitPattern: UInt32(truncatingIfNeeded: Int64(value.bitPattern) + step))
    case .f16:
      let bits = f16(value)
      if value == 0 { return float(f16: 1) * (up ? 1 : -1) }
      return float(f16: (value.sign == .plus) == up ? bits &+ 1 : bits &- 1)
    default: return up ? value.nextUp : value.nextDown
    }
  }
}
