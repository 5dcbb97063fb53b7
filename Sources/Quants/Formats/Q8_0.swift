/// Thirty-two weights as signed bytes under one scale.
///
/// ```
/// byte    0  1 | 2  3  4 ...           33
///         d: f16 | q0 q1 q2 ...         q31        w[i] = d * q[i]
/// ```
///
/// Source: ggml, `block_q8_0`. 8.5 bits per weight.
package enum Q8_0: FittedCodec {
  package static let name = "Q8_0"
  package static let ggufID: UInt32? = 8
  package static let blockElements = 32
  package static let blockBytes = 34
  package static let scalePlaces = ScalePlaces.halves(at: 0)

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for block in 0..<source.count / blockBytes {
      let start = block * blockBytes
      let d = HalfPrecision.float(
        f16: UInt16(littleEndian: source.loadUnaligned(fromByteOffset: start, as: UInt16.self)))
      for i in 0..<blockElements {
        row[block * blockElements + i] = Float(Int8(bitPattern: source[start + 2 + i])) * d
      }
    }
  }

  /// The scale is the largest magnitude over 127, and halves round away from zero.
  ///
  /// Importance plays no part: the reference has no weighted rule for this format.
  package static func fit(
    _ x: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?, meanSquare: Float,
    _ fit: borrowing BlockFit, into block: UnsafeMutableRawBufferPointer
  ) {
    var largest: Float = 0
    // C's MAX, which a NaN passes through in its own way.
    for weight in x { largest = largest > abs(weight) ? largest : abs(weight) }
    let d = largest / 127
    block.storeHalf(d, at: 0)
    fit.roundings[0] = .away(inverse: d != 0 ? 1 / d : 0)
  }

  package static func pack(_ numbers: UnsafeMutableBufferPointer<UInt8>, into block: UnsafeMutableRawBufferPointer) {
    for i in numbers.indices { block[2 + i] = numbers[i] }
  }
}

extension Q8_0: GridCodec {
  /// The byte -128 can be stored and read, but no encoder writes it, and products that take magnitudes of bytes are made for the others.
  package static let rules = GridRules(block: 32, .even(lowest: -128, legal: -127...127))

  package static func read(_ block: UnsafeRawBufferPointer, into grid: inout BlockGrid) {
    grid.factor = block.halfBits(at: 0)
    for i in 0..<blockElements { grid.numbers[i] = block[2 + i] ^ 0x80 }
  }

  package static func write(_ grid: borrowing BlockGrid, into block: UnsafeMutableRawBufferPointer) {
    block.storeHalfBits(grid.factor, at: 0)
    for i in 0..<blockElements { block[2 + i] = grid.numbers[i] ^ 0x80 }
  }
}
