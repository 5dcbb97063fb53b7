/// Two hundred fifty-six weights as numbers of sixteen unevenly spaced values, in eight groups with a six-bit scale each.
///
/// ```
/// byte   0    1  d: f16
///        2    3  upper two bits of the scales of groups 0..7 from bit 0 up, little-endian
///        4 ..  7  lower nibble of the scale of group 2j : of group 2j + 1        (low nibble : high nibble)
///        8 .. 23  byte l holds w[l] : w[l+16]                                    (low nibble : high nibble)
///       24 .. 135 the same for the other seven groups of 32
///       w[i] = d * (scale[i / 32] - 32) * value[q[i]]
/// ```
///
/// Source: ggml, `block_iq4_xs`. 4.25 bits per weight.
package enum IQ4_XS: QuantCodec {
  package static let name = "IQ4_XS"
  package static let ggufID: UInt32? = 23
  package static let blockElements = 256
  package static let blockBytes = 136
  package static let scalePlaces = ScalePlaces.halves(at: 0)
  package static let importanceGroup: Int? = 32

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for block in 0..<source.count / blockBytes {
      let bytes = UnsafeRawBufferPointer(rebasing: source[block * blockBytes..<(block + 1) * blockBytes])
      for group in 0..<8 {
        let step = bytes.half(at: 0) * Float(Int(scale(group, bytes)) - 32)
        for i in 0..<16 {
          let pair = bytes[8 + group * 16 + i]
          row[block * blockElements + group * 32 + i] = step * FourBitValues.all[Int(pair & 15)]
          row[block * blockElements + group * 32 + 16 + i] = step * FourBitValues.all[Int(pair >> 4)]
        }
      }
    }
  }

  /// The number of a group's scale, counted from -32.
  private static func scale(_ group: Int, _ bytes: UnsafeRawBufferPointer) -> UInt8 {
    let low = bytes[4 + group / 2] >> (group % 2 == 0 ? 0 : 4) & 15
    return low | (bytes[2 + group / 4] >> UInt8(truncatingIfNeeded: group % 4 * 2) & 3) << 4
  }

  /// Stores the number of a group's scale where zeros are.
  private static func add(scale: UInt8, of group: Int, to bytes: UnsafeMutableRawBufferPointer) {
    bytes[4 + group / 2] |= (scale & 15) << (group % 2 == 0 ? 0 : 4)
    bytes[2 + group / 4] |= (scale >> 4) << UInt8(truncatingIfNeeded: group % 4 * 2)
  }

  /// Each group's scale is searched for; the block's scale puts the largest of them on -32.
  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    let factors = Scratch<Float>(32, 0)
    let scales = Scratch<Float>(8, 0)
    for block in 0..<row.count / blockElements {
      let x = row.slice(block * blockElements, blockElements)
      let bytes = UnsafeMutableRawBufferPointer(rebasing: blocks[block * blockBytes..<(block + 1) * blockBytes])
      let spread = ErrorFactors.sumOfSquares(x) * (2 / 256)
      for group in 0..<8 {
        let weights = x.slice(group * 32, 32)
        if let importance {
          ErrorFactors.weighted(
            weights, importance: importance.slice(block * blockElements + group * 32, 32), spread: spread,
            into: factors.buffer)
        } else {
          ErrorFactors.squares(weights, into: factors.buffer)
        }
        scales[group] = FourBitValues.scale(weights, factors: factors.slice(0, 32))
      }
      let d = -SymmetricScale.extremeWeight(scales.slice(0, 8)) / 32
      let inverse = d != 0 ? 1 / d : 0
      for i in 2..<8 { bytes[i] = 0 }
      bytes.storeHalf(d, at: 0)
      for group in 0..<8 {
        let scale = nearestInteger(inverse * scales[group], -32, 31)
        // Numbers are chosen by the scale before it is rounded to F16.
        let step = d * Float(scale)
        let inverseStep = step != 0 ? 1 / step : 0
        for i in 0..<16 {
          let low = FourBitValues.nearest(inverseStep * x[group * 32 + i])
          bytes[8 + group * 16 + i] = low | FourBitValues.nearest(inverseStep * x[group * 32 + 16 + i]) << 4
        }
        add(scale: UInt8(truncatingIfNeeded: scale + 32), of: group, to: bytes)
      }
    }
  }
}

extension IQ4_XS: GridCodec {
  package static let rules = GridRules(groupsOf: 32, .uneven(FourBitValues.all), scales: -32...31)

  package static func read(_ block: UnsafeRawBufferPointer, into grid: inout BlockGrid) {
    grid.factor = block.halfBits(at: 0)
    for group in 0..<8 {
      grid.scales[group] = Int16(scale(group, block)) - 32
      let numbers = UnsafeMutableBufferPointer(rebasing: grid.numbers[group * 32..<group * 32 + 32])
      Nibbles.read(block, at: 8 + group * 16, into: numbers)
    }
  }

  package static func write(_ grid: borrowing BlockGrid, into block: UnsafeMutableRawBufferPointer) {
    block.storeHalfBits(grid.factor, at: 0)
    for i in 2..<8 { block[i] = 0 }
    for group in 0..<8 {
      add(scale: UInt8(truncatingIfNeeded: grid.scales[group] + 32), of: group, to: block)
      let numbers = UnsafeMutableBufferPointer(rebasing: grid.numbers[group * 32..<group * 32 + 32])
      Nibbles.store(numbers, block, at: 8 + group * 16)
    }
  }
}
