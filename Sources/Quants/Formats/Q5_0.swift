/// Thirty-two weights as five-bit numbers, offset by sixteen, under one scale.
///
/// ```
/// byte    0  1 | 2 .. 5                      | 6            ...  21
///         d: f16 | bit i: fifth bit of q[i]  | q16:q0       ...  q31:q15     (high nibble : low nibble)
///         w[i] = d * (q[i] - 16)
/// ```
///
/// Source: ggml, `block_q5_0`. 5.5 bits per weight.
package enum Q5_0: FittedCodec {
  package static let name = "Q5_0"
  package static let ggufID: UInt32? = 6
  package static let blockElements = 32
  package static let blockBytes = 22
  package static let scalePlaces = ScalePlaces.halves(at: 0)
  package static let importanceGroup: Int? = 32

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for block in 0..<source.count / blockBytes {
      let start = block * blockBytes
      let d = source.half(at: start)
      for i in 0..<blockElements {
        row[block * blockElements + i] = Float(Int(FiveBits.number(i, source, highBits: start + 2)) - 16) * d
      }
    }
  }

  /// The weight of largest magnitude (the first of equals) lands exactly on -16; with importance the scale is searched for.
  package static func fit(
    _ x: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?, meanSquare: Float,
    _ fit: borrowing BlockFit, into block: UnsafeMutableRawBufferPointer
  ) {
    block.storeHalf(fit.symmetric(x, importance, meanSquare: meanSquare, limit: 16), at: 0)
  }

  package static func pack(_ numbers: UnsafeMutableBufferPointer<UInt8>, into block: UnsafeMutableRawBufferPointer) {
    FiveBits.store(numbers, block, highBits: 2)
  }
}

extension Q5_0: GridCodec {
  package static let rules = GridRules(block: 32, .even(-16...15))

  package static func read(_ block: UnsafeRawBufferPointer, into grid: inout BlockGrid) {
    grid.factor = block.halfBits(at: 0)
    for i in 0..<blockElements { grid.numbers[i] = FiveBits.number(i, block, highBits: 2) }
  }

  package static func write(_ grid: borrowing BlockGrid, into block: UnsafeMutableRawBufferPointer) {
    block.storeHalfBits(grid.factor, at: 0)
    pack(grid.numbers, into: block)
  }
}
