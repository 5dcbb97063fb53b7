/// Thirty-two weights as five-bit numbers, offset by sixteen, under one scale.
///
/// ```
/// byte    0  1 | 2 .. 5                      | 6            ...  21
///         d: f16 | bit i: fifth bit of q[i]  | q16:q0       ...  q31:q15     (high nibble : low nibble)
///         w[i] = d * (q[i] - 16)
/// ```
///
/// Source: ggml, `block_q5_0`. 5.5 bits per weight.
package enum Q5_0: QuantCodec {
  package static let name = "Q5_0"
  package static let ggufID: UInt32? = 6
  package static let blockElements = 32
  package static let blockBytes = 22
  package static let scalePlaces = ScalePlaces.halves(at: [0])
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
  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    let numbers = Scratch<UInt8>(blockElements, 0)
    let factors = Scratch<Float>(blockElements, 0)
    let meanSquare = importance == nil ? 0 : ErrorFactors.sumOfSquares(row) / Float(row.count)
    for block in 0..<row.count / blockElements {
      let x = row.slice(block * blockElements, blockElements)
      let d: Float
      if let importance {
        ErrorFactors.weighted(
          x, importance: importance.slice(block * blockElements, blockElements), spread: meanSquare,
          into: factors.buffer)
        d = SymmetricScale.search(x, factors: factors.slice(0, 32), limit: 16, numbers: numbers.buffer)
      } else {
        d = SymmetricScale.extremeWeight(x) / -16
        let inverse: Float = d != 0 ? 1 / d : 0
        for i in 0..<blockElements {
          let number = Int8(truncatingIfNeeded: truncatedInteger(x[i] * inverse + 16.5))
          numbers[i] = UInt8(bitPattern: min(31, number))
        }
      }
      blocks.storeHalf(d, at: block * blockBytes)
      FiveBits.store(numbers.buffer, blocks, highBits: block * blockBytes + 2)
    }
  }
}
