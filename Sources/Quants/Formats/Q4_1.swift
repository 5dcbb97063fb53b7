/// Thirty-two weights as four-bit numbers over a scale and a minimum.
///
/// ```
/// byte    0  1 | 2  3   | 4            5           ...  19
///         d: f16 m: f16 | q16:q0       q17:q1      ...  q31:q15     (high nibble : low nibble)
///         w[i] = d * q[i] + m
/// ```
///
/// Source: ggml, `block_q4_1`. 5 bits per weight.
package enum Q4_1: FittedCodec {
  package static let name = "Q4_1"
  package static let ggufID: UInt32? = 3
  package static let blockElements = 32
  package static let blockBytes = 20
  package static let scalePlaces = ScalePlaces.halves(at: 0, and: 2)
  package static let importanceGroup: Int? = 32

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for block in 0..<source.count / blockBytes {
      let start = block * blockBytes
      let d = source.half(at: start)
      let m = source.half(at: start + 2)
      for i in 0..<16 {
        let pair = source[start + 4 + i]
        row[block * blockElements + i] = Float(pair & 15) * d + m
        row[block * blockElements + 16 + i] = Float(pair >> 4) * d + m
      }
    }
  }

  /// The smallest weight lands on 0 and the largest on 15; with importance, scale and minimum are searched for.
  package static func fit(
    _ x: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?, meanSquare: Float,
    _ fit: borrowing BlockFit, into block: UnsafeMutableRawBufferPointer
  ) {
    let (d, m) = fit.affine(x, importance, meanSquare: meanSquare, limit: 15)
    block.storeHalf(d, at: 0)
    block.storeHalf(m, at: 2)
  }

  package static func pack(_ numbers: UnsafeMutableBufferPointer<UInt8>, into block: UnsafeMutableRawBufferPointer) {
    Nibbles.store(numbers, block, at: 4)
  }
}

extension Q4_1: GridCodec {
  /// The minimum is added, so its sign is turned: the grid subtracts.
  package static let rules = GridRules(block: 32, .even(0...15), hasOffsets: true)

  package static func read(_ block: UnsafeRawBufferPointer, into grid: inout BlockGrid) {
    grid.factor = block.halfBits(at: 0)
    grid.minimumFactor = block.halfBits(at: 2) ^ 0x8000
    Nibbles.read(block, at: 4, into: grid.numbers)
  }

  package static func write(_ grid: borrowing BlockGrid, into block: UnsafeMutableRawBufferPointer) {
    block.storeHalfBits(grid.factor, at: 0)
    block.storeHalfBits(grid.minimumFactor ^ 0x8000, at: 2)
    pack(grid.numbers, into: block)
  }
}
