/// Two hundred fifty-six weights as six-bit numbers, in sixteen groups with a byte of scale each, under one scale.
///
/// ```
/// byte   0 ..  63  low nibbles of weights   0..127: byte l < 32 holds w[l] : w[l+64], byte 32+l holds w[l+32] : w[l+96]
///       64 .. 127  the same for weights 128..255                                      (low nibble : high nibble)
///      128 .. 159  upper two bits of weights 0..127: byte l holds w[l], w[l+32], w[l+64], w[l+96] from bit 0 up
///      160 .. 191  the same for weights 128..255
///      192 .. 207  scale of each group of 16, signed
///      208    209  d: f16
///      w[i] = d * scale[i / 16] * (q[i] - 32)
/// ```
///
/// Source: ggml, `block_q6_K`. 6.5625 bits per weight.
package enum Q6_K: FittedCodec {
  package static let name = "Q6_K"
  package static let ggufID: UInt32? = 14
  package static let blockElements = 256
  package static let blockBytes = 210
  package static let scalePlaces = ScalePlaces.halves(at: 208)
  package static let importanceGroup: Int? = 16

  private static let highBits = 128
  private static let scales = 192
  private static let scale = 208

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for block in 0..<source.count / blockBytes {
      let bytes = UnsafeRawBufferPointer(rebasing: source[block * blockBytes..<(block + 1) * blockBytes])
      let d = bytes.half(at: scale)
      for i in 0..<blockElements {
        let groupScale = Int8(bitPattern: bytes[scales + i / 16])
        row[block * blockElements + i] = d * Float(groupScale) * Float(Int(number(i, bytes)) - 32)
      }
    }
  }

  /// The number of a weight, counted from -32.
  private static func number(_ i: Int, _ bytes: UnsafeRawBufferPointer) -> UInt8 {
    let place = Place(i)
    let low = bytes[place.lowByte] >> place.lowShift & 15
    return low | (bytes[highBits + place.highByte] >> place.highShift & 3) << 4
  }

  /// Each group's scale is searched for; the block's scale puts the largest of them on -128.
  ///
  /// An error counts by the weight's square, or by its importance alone.
  package static func fit(
    _ x: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?, meanSquare: Float,
    _ fit: borrowing BlockFit, into block: UnsafeMutableRawBufferPointer
  ) {
    for group in 0..<16 {
      for i in 0..<16 {
        let weight = x[group * 16 + i]
        fit.factors[i] = importance.map { $0[group * 16 + i] } ?? weight * weight
      }
      (fit.scales[group], fit.roundings[group]) = SymmetricScale.search(
        x.slice(group * 16, 16), factors: fit.factors.slice(0, 16), limit: 32)
    }
    for i in scales..<blockBytes { block[i] = 0 }
    let largest = SymmetricScale.extremeWeight(fit.scales.slice(0, 16))
    guard abs(largest) >= SymmetricScale.smallest else { return fit.roundings.buffer.update(repeating: .zero) }
    let inverse = -128 / largest
    let d = block.storeHalf(1 / inverse, at: scale)
    for group in 0..<16 {
      let groupScale = Int8(truncatingIfNeeded: min(127, nearestInteger(inverse * fit.scales[group])))
      block[scales + group] = UInt8(bitPattern: groupScale)
    }
    fit.settle(lowest: -32, highest: 31) { (d * Float(Int8(bitPattern: block[scales + $0])), 0) }
  }

  package static func pack(_ numbers: UnsafeMutableBufferPointer<UInt8>, into block: UnsafeMutableRawBufferPointer) {
    for i in 0..<scales { block[i] = 0 }
    for i in 0..<blockElements {
      let place = Place(i)
      block[place.lowByte] |= (numbers[i] & 15) << place.lowShift
      block[highBits + place.highByte] |= (numbers[i] >> 4) << place.highShift
    }
  }

  /// Where the bits of a weight lie.
  private struct Place {
    let lowByte, highByte: Int
    let lowShift, highShift: UInt8

    init(_ i: Int) {
      let half = i / 128
      let quarter = i % 128 / 32
      lowByte = half * 64 + quarter % 2 * 32 + i % 32
      lowShift = quarter < 2 ? 0 : 4
      highByte = half * 32 + i % 32
      highShift = UInt8(truncatingIfNeeded: quarter * 2)
    }
  }
}

extension Q6_K: GridCodec {
  package static let rules = GridRules(groupsOf: 16, .even(-32...31), scales: -128...127)

  package static func read(_ block: UnsafeRawBufferPointer, into grid: inout BlockGrid) {
    grid.factor = block.halfBits(at: scale)
    for j in 0..<16 { grid.scales[j] = Int16(Int8(bitPattern: block[scales + j])) }
    for i in 0..<blockElements { grid.numbers[i] = number(i, block) }
  }

  package static func write(_ grid: borrowing BlockGrid, into block: UnsafeMutableRawBufferPointer) {
    pack(grid.numbers, into: block)
    for j in 0..<16 { block[scales + j] = UInt8(truncatingIfNeeded: grid.scales[j]) }
    block.storeHalfBits(grid.factor, at: scale)
  }
}
