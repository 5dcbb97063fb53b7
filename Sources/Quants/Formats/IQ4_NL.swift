/// Thirty-two weights as numbers of sixteen unevenly spaced values, under one scale.
///
/// ```
/// byte    0  1 | 2            3           ...  17
///         d: f16 | q16:q0      q17:q1      ...  q31:q15     (high nibble : low nibble)
///         w[i] = d * value[q[i]]
/// ```
///
/// Source: ggml, `block_iq4_nl`. 4.5 bits per weight.
package enum IQ4_NL: QuantCodec {
  package static let name = "IQ4_NL"
  package static let ggufID: UInt32? = 20
  package static let blockElements = 32
  package static let blockBytes = 18
  package static let scalePlaces = ScalePlaces.halves(at: 0)
  package static let importanceGroup: Int? = 32

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for block in 0..<source.count / blockBytes {
      let start = block * blockBytes
      let d = source.half(at: start)
      for i in 0..<16 {
        let pair = source[start + 2 + i]
        row[block * blockElements + i] = d * FourBitValues.all[Int(pair & 15)]
        row[block * blockElements + 16 + i] = d * FourBitValues.all[Int(pair >> 4)]
      }
    }
  }

  /// The scale is searched for; an error counts by the weight's square, or by importance.
  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    let factors = Scratch<Float>(blockElements, 0)
    for block in 0..<row.count / blockElements {
      let x = row.slice(block * blockElements, blockElements)
      if let importance {
        let spread = ErrorFactors.sumOfSquares(x) * (2 / 32)
        ErrorFactors.weighted(
          x, importance: importance.slice(block * blockElements, blockElements), spread: spread, into: factors.buffer)
      } else {
        ErrorFactors.squares(x, into: factors.buffer)
      }
      let scale = FourBitValues.scale(x, factors: factors.slice(0, blockElements))
      let inverse = scale != 0 ? 1 / scale : 0
      let start = block * blockBytes
      blocks.storeHalf(scale, at: start)
      for i in 0..<16 {
        let low = FourBitValues.nearest(inverse * x[i])
        blocks[start + 2 + i] = low | FourBitValues.nearest(inverse * x[16 + i]) << 4
      }
    }
  }
}

extension IQ4_NL: GridCodec {
  package static let rules = GridRules(block: 32, .uneven(FourBitValues.all))

  package static func read(_ block: UnsafeRawBufferPointer, into grid: inout BlockGrid) {
    grid.factor = block.halfBits(at: 0)
    Nibbles.read(block, at: 2, into: grid.numbers)
  }

  package static func write(_ grid: borrowing BlockGrid, into block: UnsafeMutableRawBufferPointer) {
    block.storeHalfBits(grid.factor, at: 0)
    Nibbles.store(grid.numbers, block, at: 2)
  }
}
