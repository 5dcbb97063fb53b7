/// Two hundred fifty-six weights as three-bit numbers, in sixteen groups with a six-bit scale each, under one scale.
///
/// ```
/// byte   0 .. 31  byte l holds the third bits of w[l], w[l+32], ... w[l+224] from bit 0 up
///       32 .. 63  byte l holds the lower two bits of w[l], w[l+32], w[l+64], w[l+96] from bit 0 up
///       64 .. 95  the same for weights 128..255
///       96 .. 103 lower nibble of the scale of group j : of group j + 8              (low nibble : high nibble)
///      104 .. 107 byte j holds the upper two bits of the scales of groups j, j+4, j+8, j+12 from bit 0 up
///      108   109  d: f16
///      w[i] = d * (scale[i / 16] - 32) * (q[i] - 4)
/// ```
///
/// Source: ggml, `block_q3_K`. 3.4375 bits per weight.
package enum Q3_K: FittedCodec {
  package static let name = "Q3_K"
  package static let ggufID: UInt32? = 11
  package static let blockElements = 256
  package static let blockBytes = 110
  package static let scalePlaces = ScalePlaces.halves(at: 108)
  package static let importanceGroup: Int? = 16

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for block in 0..<source.count / blockBytes {
      let bytes = UnsafeRawBufferPointer(rebasing: source[block * blockBytes..<(block + 1) * blockBytes])
      for i in 0..<blockElements {
        row[block * blockElements + i] = step(i / 16, bytes) * Float(Int(number(i, bytes)) - 4)
      }
    }
  }

  /// The number of a weight, counted from -4.
  private static func number(_ i: Int, _ bytes: UnsafeRawBufferPointer) -> UInt8 {
    let low = bytes[32 + TwoBits.byte(i)] >> TwoBits.shift(i) & 3
    return low | (bytes[i % 32] >> UInt8(truncatingIfNeeded: i / 32) & 1) << 2
  }

  /// The number of a group's scale, counted from -32.
  private static func scale(_ j: Int, _ bytes: UnsafeRawBufferPointer) -> UInt8 {
    let low = bytes[96 + j % 8] >> (j < 8 ? 0 : 4) & 15
    return low | (bytes[104 + j % 4] >> UInt8(truncatingIfNeeded: j / 4 * 2) & 3) << 4
  }

  /// Stores the numbers of the groups' scales.
  private static func store(scales: (_ group: Int) -> UInt8, in block: UnsafeMutableRawBufferPointer) {
    for i in 96..<108 { block[i] = 0 }
    for j in 0..<16 {
      block[96 + j % 8] |= (scales(j) & 15) << (j < 8 ? 0 : 4)
      block[104 + j % 4] |= (scales(j) >> 4) << UInt8(truncatingIfNeeded: j / 4 * 2)
    }
  }

  /// What one unit of a group's numbers is worth.
  private static func step(_ j: Int, _ bytes: UnsafeRawBufferPointer) -> Float {
    bytes.half(at: 108) * Float(Int(scale(j, bytes)) - 32)
  }

  /// Each group's scale is searched for, then rounded to six bits, then every number is chosen anew.
  ///
  /// Plain, errors count by the weight's square, and the scale of largest magnitude becomes -32. With importance the scales are
  /// themselves fitted, each group counting by the sum of its factors.
  package static func fit(
    _ x: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?, meanSquare: Float,
    _ fit: borrowing BlockFit, into block: UnsafeMutableRawBufferPointer
  ) {
    let d = if let importance { scales(x, importance: importance, fit) } else { scales(x, fit) }
    block.storeHalf(d, at: 108)
    store(scales: { fit.scaleNumbers[$0] }, in: block)
    fit.settle(lowest: -4, highest: 3) { (step($0, UnsafeRawBufferPointer(block)), 0) }
  }

  package static func pack(_ numbers: UnsafeMutableBufferPointer<UInt8>, into block: UnsafeMutableRawBufferPointer) {
    for l in 0..<32 {
      block[l] = 0
      for j in 0..<8 { block[l] |= (numbers[j * 32 + l] >> 2) << UInt8(truncatingIfNeeded: j) }
    }
    TwoBits.store(numbers, UnsafeMutableRawBufferPointer(rebasing: block[32..<96]))
  }

  private static func scales(_ x: UnsafeBufferPointer<Float>, _ fit: borrowing BlockFit) -> Float {
    for j in 0..<16 {
      fit.scales[j] = SymmetricScale.descend(x.slice(j * 16, 16), limit: 4, numbers: fit.numbers.room(j * 16, 16))
      fit.roundings[j] = .kept
    }
    let largest = SymmetricScale.extremeWeight(fit.scales.slice(0, 16))
    guard largest != 0 else {
      fit.scaleNumbers.buffer.update(repeating: 0)
      return 0
    }
    let inverse = -32 / largest
    for j in 0..<16 {
      let nearest = Int8(truncatingIfNeeded: nearestInteger(inverse * fit.scales[j]))
      fit.scaleNumbers[j] = UInt8(bitPattern: max(-32, min(31, nearest)) + 32)
    }
    return 1 / inverse
  }

  private static func scales(
    _ x: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>, _ fit: borrowing BlockFit
  ) -> Float {
    let spread = 2 * ErrorFactors.sumOfSquares(x) / 256
    for j in 0..<16 {
      fit.weigh(j, x, importance, spread: spread)
      let found = SymmetricScale.search(x.slice(j * 16, 16), factors: fit.factors.slice(0, 16), limit: 4)
      (fit.scales[j], fit.roundings[j]) = found
    }
    let (d, rounding) = SymmetricScale.search(fit.scales.slice(0, 16), factors: fit.sums.slice(0, 16), limit: 32)
    for j in 0..<16 { fit.scaleNumbers[j] = rounding.number(fit.scales[j]) ?? 0 }
    return d
  }
}

extension Q3_K: GridCodec {
  package static let rules = GridRules(groupsOf: 16, .even(-4...3), scales: -32...31)

  package static func read(_ block: UnsafeRawBufferPointer, into grid: inout BlockGrid) {
    grid.factor = block.halfBits(at: 108)
    for j in 0..<16 { grid.scales[j] = Int16(scale(j, block)) - 32 }
    for i in 0..<blockElements { grid.numbers[i] = number(i, block) }
  }

  package static func write(_ grid: borrowing BlockGrid, into block: UnsafeMutableRawBufferPointer) {
    block.storeHalfBits(grid.factor, at: 108)
    let scales = grid.scales
    store(scales: { UInt8(truncatingIfNeeded: scales[$0] + 32) }, in: block)
    pack(grid.numbers, into: block)
  }
}
