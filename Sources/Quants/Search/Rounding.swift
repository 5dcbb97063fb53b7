/// How the weights of a group become numbers once the group's scale is chosen.
package enum Rounding: BitwiseCopyable, Sendable {
  /// The numbers are those with which the search for the scale ended.
  case kept
  /// The nearest of `lowest ... highest` to (weight + offset) / step, counted from `lowest`.
  case divided(step: Float, offset: Float, lowest: Int32, highest: Int32)
  /// The nearest of `lowest ... highest` to inverse * (weight - origin), counted from `lowest`.
  case scaled(inverse: Float, origin: Float, lowest: Int32, highest: Int32)
  /// inverse * (weight - origin) + shift with its fraction cut off, as a signed byte, at most `highest`.
  case cut(inverse: Float, origin: Float, shift: Float, highest: Int8)
  /// inverse * weight as a signed byte, halves away from zero.
  case away(inverse: Float)

  /// Every number is zero.
  static let zero = cut(inverse: 0, origin: 0, shift: 0, highest: 0)

  /// The number of a weight; nil where it is kept.
  func number(_ weight: Float) -> UInt8? {
    switch self {
    case .kept: nil
    case .divided(let step, let offset, let lowest, let highest):
      UInt8(truncatingIfNeeded: nearestInteger((weight + offset) / step, lowest, highest) - lowest)
    case .scaled(let inverse, let origin, let lowest, let highest):
      UInt8(truncatingIfNeeded: nearestInteger(inverse * (weight - origin), lowest, highest) - lowest)
    case .cut(let inverse, let origin, let shift, let highest):
      UInt8(bitPattern: min(highest, Int8(truncatingIfNeeded: truncatedInteger((weight - origin) * inverse + shift))))
    case .away(let inverse): UInt8(truncatingIfNeeded: Self.rounded(weight * inverse))
    }
  }

  /// Halves away from zero, as C converts through a 32-bit integer; infinities and NaN give 0.
  private static func rounded(_ scaled: Float) -> Int32 {
    let value = scaled.rounded(.toNearestOrAwayFromZero)
    return abs(value) < 2_147_483_648 ? Int32(value) : 0
  }
}
