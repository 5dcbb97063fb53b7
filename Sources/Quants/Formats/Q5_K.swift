/// Two hundred fifty-six weights as five-bit numbers, in eight groups with a six-bit scale and offset each.
///
/// ```
/// byte   0    1  d: f16
///        2    3  dmin: f16
///        4 ..  15  scale[8], offset[8], six bits each (drawn at AffineSuperBlock)
///       16 ..  47  byte l holds the fifth bits of w[l], w[l+32], ... w[l+224] from bit 0 up
///       48 ..  79  byte l holds w[l] : w[l+32]                (low nibble : high nibble)
///       80 .. 175  the same for weights 64..127, 128..191, 192..255
///       w[i] = (d * scale[i / 32]) * q[i] - (dmin * offset[i / 32])
/// ```
///
/// Source: ggml, `block_q5_K`. 5.5 bits per weight.
package enum Q5_K: FittedCodec {
  package static let name = "Q5_K"
  package static let ggufID: UInt32? = 13
  package static let blockElements = 256
  package static let blockBytes = 176
  package static let scalePlaces = ScalePlaces.halves(at: 0, and: 2)
  package static let importanceGroup: Int? = 32

  private static let highBits = AffineSuperBlock.headerBytes
  private static let nibbles = AffineSuperBlock.headerBytes + 32

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for block in 0..<source.count / blockBytes {
      let bytes = UnsafeRawBufferPointer(rebasing: source[block * blockBytes..<(block + 1) * blockBytes])
      for j in 0..<8 {
        let (step, offset) = AffineSuperBlock.group(j, bytes)
        for l in 0..<32 {
          row[block * blockElements + j * 32 + l] = step * Float(number(j, l, bytes)) - offset
        }
      }
    }
  }

  /// The number of weight `l` of group `j`.
  private static func number(_ j: Int, _ l: Int, _ bytes: UnsafeRawBufferPointer) -> UInt8 {
    let pair = bytes[nibbles + j / 2 * 32 + l]
    let low = j % 2 == 0 ? pair & 15 : pair >> 4
    return low | (bytes[highBits + l] >> UInt8(truncatingIfNeeded: j) & 1) << 4
  }

  private static let scales = AffineSuperBlock(plain: AffineScale(limit: 31, first: -0.5, step: 0.1, last: 15))

  /// Each group's scale and offset are searched for, then rounded to six bits, then every number is chosen anew.
  package static func fit(
    _ x: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?, meanSquare: Float,
    _ fit: borrowing BlockFit, into block: UnsafeMutableRawBufferPointer
  ) {
    scales.fit(x, importance, fit, header: block)
  }

  package static func pack(_ numbers: UnsafeMutableBufferPointer<UInt8>, into block: UnsafeMutableRawBufferPointer) {
    for l in 0..<32 {
      block[highBits + l] = 0
      for j in 0..<8 { block[highBits + l] |= (numbers[j * 32 + l] >> 4) << UInt8(truncatingIfNeeded: j) }
      for pair in 0..<4 {
        block[nibbles + pair * 32 + l] = numbers[pair * 64 + l] & 15 | numbers[pair * 64 + 32 + l] << 4
      }
    }
  }
}

extension Q5_K: GridCodec {
  package static let rules = GridRules(groupsOf: 32, .even(0...31), scales: 0...63, minimums: 0...63)

  package static func read(_ block: UnsafeRawBufferPointer, into grid: inout BlockGrid) {
    AffineSuperBlock.read(block, into: &grid, number: number)
  }

  package static func write(_ grid: borrowing BlockGrid, into block: UnsafeMutableRawBufferPointer) {
    AffineSuperBlock.write(grid, into: block)
    pack(grid.numbers, into: block)
  }
}
