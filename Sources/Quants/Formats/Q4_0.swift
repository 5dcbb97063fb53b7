/// Thirty-two weights as four-bit numbers, offset by eight, under one scale.
///
/// ```
/// byte    0  1 | 2            3           ...  17
///         d: f16 | q16:q0      q17:q1      ...  q31:q15     (high nibble : low nibble)
///         w[i] = d * (q[i] - 8)
/// ```
///
/// Source: ggml, `block_q4_0`. 4.5 bits per weight.
package enum Q4_0: FittedCodec {
  package static let name = "Q4_0"
  package static let ggufID: UInt32? = 2
  package static let blockElements = 32
  package static let blockBytes = 18
  package static let scalePlaces = ScalePlaces.halves(at: 0)
  package static let importanceGroup: Int? = 32

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for block in 0..<source.count / blockBytes {
      let start = block * blockBytes
      let d = HalfPrecision.float(
        f16: UInt16(littleEndian: source.loadUnaligned(fromByteOffset: start, as: UInt16.self)))
      for i in 0..<16 {
        let pair = source[start + 2 + i]
        row[block * blockElements + i] = Float(Int(pair & 15) - 8) * d
        row[block * blockElements + 16 + i] = Float(Int(pair >> 4) - 8) * d
      }
    }
  }

  /// The weight of largest magnitude (the first of equals) lands exactly on -8, so the scale carries its sign.
  ///
  /// With importance the scale is searched for instead.
  package static func fit(
    _ x: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?, meanSquare: Float,
    _ fit: borrowing BlockFit, into block: UnsafeMutableRawBufferPointer
  ) {
    block.storeHalf(fit.symmetric(x, importance, meanSquare: meanSquare, limit: 8), at: 0)
  }

  package static func pack(_ numbers: UnsafeMutableBufferPointer<UInt8>, into block: UnsafeMutableRawBufferPointer) {
    Nibbles.store(numbers, block, at: 2)
  }
}

extension Q4_0: GridCodec {
  package static let rules = GridRules(block: 32, .even(-8...7))

  package static func read(_ block: UnsafeRawBufferPointer, into grid: inout BlockGrid) {
    grid.factor = block.halfBits(at: 0)
    Nibbles.read(block, at: 2, into: grid.numbers)
  }

  package static func write(_ grid: borrowing BlockGrid, into block: UnsafeMutableRawBufferPointer) {
    block.storeHalfBits(grid.factor, at: 0)
    pack(grid.numbers, into: block)
  }
}

/// Thirty-two four-bit numbers in sixteen bytes: byte `i` holds number `i` below and number `i + 16` above.
enum Nibbles {
  /// Reads the numbers of a group.
  static func read(_ bytes: UnsafeRawBufferPointer, at start: Int, into numbers: UnsafeMutableBufferPointer<UInt8>) {
    for i in 0..<16 {
      numbers[i] = bytes[start + i] & 15
      numbers[16 + i] = bytes[start + i] >> 4
    }
  }

  /// Stores the numbers of a group.
  static func store(
    _ numbers: UnsafeMutableBufferPointer<UInt8>, _ bytes: UnsafeMutableRawBufferPointer, at start: Int
  ) {
    for i in 0..<16 { bytes[start + i] = numbers[i] | numbers[16 + i] << 4 }
  }
}
