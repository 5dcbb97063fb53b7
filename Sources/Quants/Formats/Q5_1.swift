/// Thirty-two weights as five-bit numbers over a scale and a minimum.
///
/// ```
/// byte    0  1 | 2  3   | 4 .. 7                      | 8            ...  23
///         d: f16 m: f16 | bit i: fifth bit of q[i]    | q16:q0       ...  q31:q15     (high nibble : low nibble)
///         w[i] = d * q[i] + m
/// ```
///
/// Source: ggml, `block_q5_1`. 6 bits per weight.
package enum Q5_1: FittedCodec {
  package static let name = "Q5_1"
  package static let ggufID: UInt32? = 7
  package static let blockElements = 32
  package static let blockBytes = 24
  package static let scalePlaces = ScalePlaces.halves(at: 0, and: 2)
  package static let importanceGroup: Int? = 32

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for block in 0..<source.count / blockBytes {
      let start = block * blockBytes
      let d = source.half(at: start)
      let m = source.half(at: start + 2)
      for i in 0..<blockElements {
        row[block * blockElements + i] = Float(FiveBits.number(i, source, highBits: start + 4)) * d + m
      }
    }
  }

  /// The smallest weight lands on 0 and the largest on 31; with importance, scale and minimum are searched for.
  package static func fit(
    _ x: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?, meanSquare: Float,
    _ fit: borrowing BlockFit, into block: UnsafeMutableRawBufferPointer
  ) {
    let (d, m) = fit.affine(x, importance, meanSquare: meanSquare, limit: 31)
    block.storeHalf(d, at: 0)
    block.storeHalf(m, at: 2)
  }

  package static func pack(_ numbers: UnsafeMutableBufferPointer<UInt8>, into block: UnsafeMutableRawBufferPointer) {
    FiveBits.store(numbers, block, highBits: 4)
  }
}

extension Q5_1: GridCodec {
  /// The minimum is added, so its sign is turned: the grid subtracts.
  package static let rules = GridRules(block: 32, .even(0...31), hasOffsets: true)

  package static func read(_ block: UnsafeRawBufferPointer, into grid: inout BlockGrid) {
    grid.factor = block.halfBits(at: 0)
    grid.minimumFactor = block.halfBits(at: 2) ^ 0x8000
    for i in 0..<blockElements { grid.numbers[i] = FiveBits.number(i, block, highBits: 4) }
  }

  package static func write(_ grid: borrowing BlockGrid, into block: UnsafeMutableRawBufferPointer) {
    block.storeHalfBits(grid.factor, at: 0)
    block.storeHalfBits(grid.minimumFactor ^ 0x8000, at: 2)
    pack(grid.numbers, into: block)
  }
}

/// Thirty-two five-bit numbers as Q5_0 and Q5_1 lay them out: 32 fifth bits, then the low nibbles in pairs.
enum FiveBits {
  /// Number `i` of a block whose fifth bits start at a byte offset.
  static func number(_ i: Int, _ source: UnsafeRawBufferPointer, highBits: Int) -> UInt8 {
    let high = source[highBits + i / 8] >> UInt8(truncatingIfNeeded: i % 8) & 1
    let pair = source[highBits + 4 + i % 16]
    return (i < 16 ? pair & 15 : pair >> 4) | high << 4
  }

  /// Stores a block's numbers.
  static func store(
    _ numbers: UnsafeMutableBufferPointer<UInt8>, _ blocks: UnsafeMutableRawBufferPointer, highBits: Int
  ) {
    var high: UInt32 = 0
    for i in 0..<32 { high |= UInt32(numbers[i] >> 4 & 1) << UInt32(truncatingIfNeeded: i) }
    blocks.storeBytes(of: high.littleEndian, toByteOffset: highBits, as: UInt32.self)
    for i in 0..<16 { blocks[highBits + 4 + i] = numbers[i] & 15 | numbers[16 + i] << 4 }
  }
}
