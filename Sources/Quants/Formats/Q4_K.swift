/// Two hundred fifty-six weights as four-bit numbers, in eight groups with a six-bit scale and offset each.
///
/// ```
/// byte   0    1  d: f16
///        2    3  dmin: f16
///        4 ..  15  scale[8], offset[8], six bits each (drawn at AffineSuperBlock)
///       16 ..  47  byte l holds w[l] : w[l+32]                (low nibble : high nibble)
///       48 .. 143  the same for weights 64..127, 128..191, 192..255
///       w[i] = (d * scale[i / 32]) * q[i] - (dmin * offset[i / 32])
/// ```
///
/// Source: ggml, `block_q4_K`. 4.5 bits per weight.
package enum Q4_K: FittedCodec {
  package static let name = "Q4_K"
  package static let ggufID: UInt32? = 12
  package static let blockElements = 256
  package static let blockBytes = 144
  package static let scalePlaces = ScalePlaces.halves(at: 0, and: 2)
  package static let importanceGroup: Int? = 32

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
    let pair = bytes[AffineSuperBlock.headerBytes + j / 2 * 32 + l]
    return j % 2 == 0 ? pair & 15 : pair >> 4
  }

  private static let scales = AffineSuperBlock(plain: AffineScale(limit: 15, first: -1, step: 0.1, last: 20))

  /// Each group's scale and offset are searched for, then rounded to six bits, then every number is chosen anew.
  package static func fit(
    _ x: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?, meanSquare: Float,
    _ fit: borrowing BlockFit, into block: UnsafeMutableRawBufferPointer
  ) {
    scales.fit(x, importance, fit, header: block)
  }

  package static func pack(_ numbers: UnsafeMutableBufferPointer<UInt8>, into block: UnsafeMutableRawBufferPointer) {
    for pair in 0..<4 {
      for l in 0..<32 {
        block[AffineSuperBlock.headerBytes + pair * 32 + l] = numbers[pair * 64 + l] | numbers[pair * 64 + 32 + l] << 4
      }
    }
  }
}

extension Q4_K: GridCodec {
  package static let rules = GridRules(groupsOf: 32, .even(0...15), scales: 0...63, minimums: 0...63)

  package static func read(_ block: UnsafeRawBufferPointer, into grid: inout BlockGrid) {
    AffineSuperBlock.read(block, into: &grid, number: number)
  }

  package static func write(_ grid: borrowing BlockGrid, into block: UnsafeMutableRawBufferPointer) {
    AffineSuperBlock.write(grid, into: block)
    pack(grid.numbers, into: block)
  }
}
