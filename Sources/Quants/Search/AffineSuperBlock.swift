/// What Q4_K and Q5_K share: eight groups of thirty-two weights, each with a six-bit scale and a six-bit offset.
///
/// A block starts with `d` and `dmin` (F16) and twelve bytes of scales:
///
/// ```
/// byte  0 .. 3   scale of group j = 0..3 in bits 0..5, upper two bits of the scale of group j + 4 in bits 6..7
///       4 .. 7   offset of group j = 0..3 in bits 0..5, upper two bits of the offset of group j + 4 in bits 6..7
///       8 .. 11  group j = 4..7: lower nibble of the scale : of the offset      (low nibble : high nibble)
/// ```
struct AffineSuperBlock: ~Copyable {
  /// Bytes from the block's start to the numbers.
  static let headerBytes = 16

  /// The rule of the plain search.
  let plain: AffineScale
  /// The result of ``encode(_:importance:header:)``: one number a weight.
  let numbers = Scratch<UInt8>(256, 0)
  private let factors = Scratch<Float>(32, 0)
  private let sums = Scratch<Float>(8, 0)
  private let scales = Scratch<Float>(8, 0)
  private let offsets = Scratch<Float>(8, 0)
  private let scaleNumbers = Scratch<UInt8>(8, 0)
  private let offsetNumbers = Scratch<UInt8>(8, 0)

  init(plain: AffineScale) {
    self.plain = plain
  }

  /// The step and the offset of a group, from a block's header.
  static func group(_ j: Int, _ header: UnsafeRawBufferPointer) -> (step: Float, offset: Float) {
    let packed = UnsafeRawBufferPointer(rebasing: header[4..<headerBytes])
    let scale, offset: UInt8
    if j < 4 {
      scale = packed[j] & 63
      offset = packed[j + 4] & 63
    } else {
      scale = packed[j + 4] & 15 | (packed[j - 4] >> 6) << 4
      offset = packed[j + 4] >> 4 | (packed[j] >> 6) << 4
    }
    return (header.half(at: 0) * Float(scale), header.half(at: 2) * Float(offset))
  }

  /// Fits the groups, writes the header, and chooses each number anew from what the header decodes to.
  func encode(
    _ x: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?, header: UnsafeMutableRawBufferPointer
  ) {
    if let importance {
      fit(x, importance, header)
    } else {
      fit(x, header)
    }
    for j in 0..<8 {
      let (scale, offset) = (scaleNumbers[j], offsetNumbers[j])
      if j < 4 {
        header[4 + j] = scale
        header[8 + j] = offset
      } else {
        header[8 + j] = scale & 15 | offset << 4
        header[j] |= (scale >> 4) << 6
        header[4 + j] |= (offset >> 4) << 6
      }
    }
    for j in 0..<8 {
      let (step, offset) = Self.group(j, UnsafeRawBufferPointer(header))
      // A group without a step keeps the numbers of its own search, which decode to the offset.
      guard step != 0 else { continue }
      for i in j * 32..<j * 32 + 32 {
        numbers[i] = UInt8(truncatingIfNeeded: nearestInteger((x[i] + offset) / step, 0, plain.limit))
      }
    }
  }

  /// Plain: an error counts by the group's root mean square plus the weight's magnitude; the largest scale becomes 63.
  private func fit(_ x: UnsafeBufferPointer<Float>, _ header: UnsafeMutableRawBufferPointer) {
    var largestScale: Float = 0
    var largestOffset: Float = 0
    for j in 0..<8 {
      let group = x.slice(j * 32, 32)
      let typical = (ErrorFactors.sumOfSquares(group) / 32).squareRoot()
      for i in 0..<32 { factors[i] = typical + abs(group[i]) }
      (scales[j], offsets[j]) = plain.search(group, factors: factors.slice(0, 32), numbers: numbers.room(j * 32, 32))
      if scales[j] > largestScale { largestScale = scales[j] }
      if offsets[j] > largestOffset { largestOffset = offsets[j] }
    }
    let inverseScale = largestScale > 0 ? 63 / largestScale : 0
    let inverseOffset = largestOffset > 0 ? 63 / largestOffset : 0
    for j in 0..<8 {
      scaleNumbers[j] = min(63, UInt8(truncatingIfNeeded: nearestInteger(inverseScale * scales[j])))
      offsetNumbers[j] = min(63, UInt8(truncatingIfNeeded: nearestInteger(inverseOffset * offsets[j])))
    }
    header.storeHalf(largestScale / 63, at: 0)
    header.storeHalf(largestOffset / 63, at: 2)
  }

  /// With importance: scales and offsets are themselves fitted, each group counting by the sum of its factors.
  private func fit(
    _ x: UnsafeBufferPointer<Float>, _ importance: UnsafeBufferPointer<Float>, _ header: UnsafeMutableRawBufferPointer
  ) {
    let spread = 2 * ErrorFactors.sumOfSquares(x) / 256
    let rule = AffineScale.weighted(limit: plain.limit)
    for j in 0..<8 {
      let group = x.slice(j * 32, 32)
      ErrorFactors.weighted(group, importance: importance.slice(j * 32, 32), spread: spread, into: factors.buffer)
      sums[j] = 0
      for i in 0..<32 { sums[j] += factors[i] }
      (scales[j], offsets[j]) = rule.search(group, factors: factors.slice(0, 32), numbers: numbers.room(j * 32, 32))
    }
    let weights = sums.slice(0, 8)
    let d = PositiveScale.search(scales.slice(0, 8), factors: weights, limit: 63, numbers: scaleNumbers.buffer)
    let dmin = PositiveScale.search(offsets.slice(0, 8), factors: weights, limit: 63, numbers: offsetNumbers.buffer)
    header.storeHalf(d, at: 0)
    header.storeHalf(dmin, at: 2)
  }
}
