/// What Q2_K, Q4_K and Q5_K share: groups of weights with a scale and an offset each, which are stored as small numbers.
///
/// A block of Q4_K and Q5_K starts with `d` and `dmin` (F16) and twelve bytes of six-bit scales and offsets:
///
/// ```
/// byte  0 .. 3   scale of group j = 0..3 in bits 0..5, upper two bits of the scale of group j + 4 in bits 6..7
///       4 .. 7   offset of group j = 0..3 in bits 0..5, upper two bits of the offset of group j + 4 in bits 6..7
///       8 .. 11  group j = 4..7: lower nibble of the scale : of the offset      (low nibble : high nibble)
/// ```
struct AffineSuperBlock {
  /// Bytes from the start of a Q4_K or Q5_K block to the numbers.
  static let headerBytes = 16

  /// The rule of the plain search.
  let plain: AffineScale
  /// The largest number of a scale or an offset.
  var scaleLimit: Int32 = 63
  /// How often the block's mean square counts in the factors with importance.
  var spread: Float = 2
  /// Whether a plain error counts by the group's root mean square plus the weight's magnitude, or by the magnitude alone.
  var addsTypical = true

  /// The numbers of a group's scale and offset, from a block's header.
  private static func numbers(_ j: Int, _ header: UnsafeRawBufferPointer) -> (scale: UInt8, offset: UInt8) {
    let packed = UnsafeRawBufferPointer(rebasing: header[4..<headerBytes])
    if j < 4 { return (packed[j] & 63, packed[j + 4] & 63) }
    return (packed[j + 4] & 15 | (packed[j - 4] >> 6) << 4, packed[j + 4] >> 4 | (packed[j] >> 6) << 4)
  }

  /// Stores the numbers of a group; groups come in order.
  private static func store(_ j: Int, scale: UInt8, offset: UInt8, in header: UnsafeMutableRawBufferPointer) {
    if j < 4 {
      header[4 + j] = scale
      header[8 + j] = offset
    } else {
      header[8 + j] = scale & 15 | offset << 4
      header[j] |= (scale >> 4) << 6
      header[4 + j] |= (offset >> 4) << 6
    }
  }

  /// The step and the offset of a group, from a block's header.
  static func group(_ j: Int, _ header: UnsafeRawBufferPointer) -> (step: Float, offset: Float) {
    let (scale, offset) = numbers(j, header)
    return (header.half(at: 0) * Float(scale), header.half(at: 2) * Float(offset))
  }

  /// Reads a block: its header, and the number of each weight `l` of group `j`.
  static func read(
    _ block: UnsafeRawBufferPointer, into grid: inout BlockGrid,
    number: (_ j: Int, _ l: Int, UnsafeRawBufferPointer) -> UInt8
  ) {
    grid.factor = block.halfBits(at: 0)
    grid.minimumFactor = block.halfBits(at: 2)
    for j in 0..<8 {
      let (scale, offset) = numbers(j, block)
      (grid.scales[j], grid.minimums[j]) = (Int16(scale), Int16(offset))
      for l in 0..<32 { grid.numbers[j * 32 + l] = number(j, l, block) }
    }
  }

  /// Writes a block's header.
  static func write(_ grid: borrowing BlockGrid, into header: UnsafeMutableRawBufferPointer) {
    header.storeHalfBits(grid.factor, at: 0)
    header.storeHalfBits(grid.minimumFactor, at: 2)
    for j in 0..<8 {
      store(
        j, scale: UInt8(truncatingIfNeeded: grid.scales[j]), offset: UInt8(truncatingIfNeeded: grid.minimums[j]),
        in: header)
    }
  }

  /// Fits the groups; ``BlockFit`` receives the numbers of their scales and offsets.
  ///
  /// Plain, the largest scale becomes `scaleLimit`. With importance, scales and offsets are themselves fitted, each group
  /// counting by the sum of its factors.
  ///
  /// - Returns: the scales of the scales and of the offsets.
  func fit(
    _ x: UnsafeBufferPointer<Float>, _ importance: UnsafeBufferPointer<Float>?, _ fit: borrowing BlockFit
  ) -> (d: Float, dmin: Float) {
    let groups = x.count / fit.group
    let rule = importance == nil ? plain : AffineScale.weighted(limit: plain.limit)
    let spread = importance == nil ? 0 : self.spread * ErrorFactors.sumOfSquares(x) / 256
    for j in 0..<groups {
      let group = x.slice(j * fit.group, fit.group)
      if let importance {
        fit.weigh(j, x, importance, spread: spread)
      } else {
        let typical = addsTypical ? (ErrorFactors.sumOfSquares(group) / Float(group.count)).squareRoot() : 0
        for i in group.indices { fit.factors[i] = typical + abs(group[i]) }
      }
      let factors = fit.factors.slice(0, fit.group)
      (fit.scales[j], fit.offsets[j], fit.roundings[j]) = rule.search(group, factors: factors)
    }
    let (scales, offsets, sums) = (fit.scales.slice(0, groups), fit.offsets.slice(0, groups), fit.sums.slice(0, groups))
    guard importance == nil else {
      return (
        PositiveScale.search(scales, factors: sums, limit: scaleLimit, numbers: fit.scaleNumbers.buffer),
        PositiveScale.search(offsets, factors: sums, limit: scaleLimit, numbers: fit.offsetNumbers.buffer)
      )
    }
    return (even(scales, fit.scaleNumbers.buffer), even(offsets, fit.offsetNumbers.buffer))
  }

  /// Numbers in proportion, the largest value becoming `scaleLimit`; returns what one unit is worth.
  private func even(_ values: UnsafeBufferPointer<Float>, _ numbers: UnsafeMutableBufferPointer<UInt8>) -> Float {
    var largest: Float = 0
    for value in values where value > largest { largest = value }
    let inverse = largest > 0 ? Float(scaleLimit) / largest : 0
    for j in values.indices {
      let number = UInt8(truncatingIfNeeded: nearestInteger(inverse * values[j]))
      numbers[j] = min(UInt8(truncatingIfNeeded: scaleLimit), number)
    }
    return largest / Float(scaleLimit)
  }

  /// Fits the groups of a Q4_K or Q5_K block and writes its header.
  func fit(
    _ x: UnsafeBufferPointer<Float>, _ importance: UnsafeBufferPointer<Float>?, _ fit: borrowing BlockFit,
    header: UnsafeMutableRawBufferPointer
  ) {
    let (d, dmin) = self.fit(x, importance, fit)
    header.storeHalf(d, at: 0)
    header.storeHalf(dmin, at: 2)
    for j in 0..<8 { Self.store(j, scale: fit.scaleNumbers[j], offset: fit.offsetNumbers[j], in: header) }
    fit.settle(highest: plain.limit) { Self.group($0, UnsafeRawBufferPointer(header)) }
  }
}
