/// Two hundred fifty-six weights as two-bit numbers, in sixteen groups with a four-bit scale and offset each.
///
/// ```
/// byte   0 .. 15  group j: scale : offset                                    (low nibble : high nibble)
///       16 .. 47  byte l holds w[l], w[l+32], w[l+64], w[l+96] from bit 0 up
///       48 .. 79  the same for weights 128..255
///       80    81  d: f16
///       82    83  dmin: f16
///       w[i] = (d * scale[i / 16]) * q[i] - (dmin * offset[i / 16])
/// ```
///
/// Source: ggml, `block_q2_K`. 2.625 bits per weight.
package enum Q2_K: FittedCodec {
  package static let name = "Q2_K"
  package static let ggufID: UInt32? = 10
  package static let blockElements = 256
  package static let blockBytes = 84
  package static let scalePlaces = ScalePlaces.halves(at: 80, and: 82)
  package static let importanceGroup: Int? = 16

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for block in 0..<source.count / blockBytes {
      let bytes = UnsafeRawBufferPointer(rebasing: source[block * blockBytes..<(block + 1) * blockBytes])
      for i in 0..<blockElements {
        let (step, offset) = group(i / 16, bytes)
        row[block * blockElements + i] = step * Float(number(i, bytes)) - offset
      }
    }
  }

  /// The number of a weight.
  private static func number(_ i: Int, _ bytes: UnsafeRawBufferPointer) -> UInt8 {
    bytes[16 + TwoBits.byte(i)] >> TwoBits.shift(i) & 3
  }

  /// The step and the offset of a group.
  private static func group(_ j: Int, _ bytes: UnsafeRawBufferPointer) -> (step: Float, offset: Float) {
    (bytes.half(at: 80) * Float(bytes[j] & 15), bytes.half(at: 82) * Float(bytes[j] >> 4))
  }

  private static let scales = AffineSuperBlock(
    plain: AffineScale(limit: 3, first: -0.5, step: 0.1, last: 15, isAbsolute: true), scaleLimit: 15, spread: 1,
    addsTypical: false)

  /// Each group's scale and offset are searched for, then rounded to four bits, then every number is chosen anew.
  package static func fit(
    _ x: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?, meanSquare: Float,
    _ fit: borrowing BlockFit, into block: UnsafeMutableRawBufferPointer
  ) {
    let (d, dmin) = scales.fit(x, importance, fit)
    block.storeHalf(d, at: 80)
    block.storeHalf(dmin, at: 82)
    for j in 0..<16 { block[j] = fit.scaleNumbers[j] | fit.offsetNumbers[j] << 4 }
    fit.settle(highest: 3) { group($0, UnsafeRawBufferPointer(block)) }
  }

  package static func pack(_ numbers: UnsafeMutableBufferPointer<UInt8>, into block: UnsafeMutableRawBufferPointer) {
    TwoBits.store(numbers, UnsafeMutableRawBufferPointer(rebasing: block[16..<80]))
  }
}

extension Q2_K: GridCodec {
  package static let rules = GridRules(groupsOf: 16, .even(0...3), scales: 0...15, minimums: 0...15)

  package static func read(_ block: UnsafeRawBufferPointer, into grid: inout BlockGrid) {
    grid.factor = block.halfBits(at: 80)
    grid.minimumFactor = block.halfBits(at: 82)
    for j in 0..<16 {
      grid.scales[j] = Int16(block[j] & 15)
      grid.minimums[j] = Int16(block[j] >> 4)
    }
    for i in 0..<blockElements { grid.numbers[i] = number(i, block) }
  }

  package static func write(_ grid: borrowing BlockGrid, into block: UnsafeMutableRawBufferPointer) {
    block.storeHalfBits(grid.factor, at: 80)
    block.storeHalfBits(grid.minimumFactor, at: 82)
    for j in 0..<16 { block[j] = UInt8(truncatingIfNeeded: grid.scales[j] | grid.minimums[j] << 4) }
    pack(grid.numbers, into: block)
  }
}

/// Two-bit numbers as Q2_K and Q3_K lay them out: byte `l` of a half holds weights `l`, `l + 32`, `l + 64`, `l + 96`.
enum TwoBits {
  /// The byte of weight `i` of a block.
  static func byte(_ i: Int) -> Int { i / 128 * 32 + i % 32 }

  /// The first bit of weight `i` in its byte.
  static func shift(_ i: Int) -> UInt8 { UInt8(truncatingIfNeeded: i % 128 / 32 * 2) }

  /// Stores the lower two bits of a block's numbers in 64 bytes.
  static func store(_ numbers: UnsafeMutableBufferPointer<UInt8>, _ bytes: UnsafeMutableRawBufferPointer) {
    for i in bytes.indices { bytes[i] = 0 }
    for i in 0..<256 { bytes[byte(i)] |= (numbers[i] & 3) << shift(i) }
  }
}
