/// Thirty-two weights as four-bit numbers over a scale and a minimum.
///
/// ```
/// byte    0  1 | 2  3   | 4            5           ...  19
///         d: f16 m: f16 | q16:q0       q17:q1      ...  q31:q15     (high nibble : low nibble)
///         w[i] = d * q[i] + m
/// ```
///
/// Source: ggml, `block_q4_1`. 5 bits per weight.
package enum Q4_1: QuantCodec {
  package static let name = "Q4_1"
  package static let ggufID: UInt32? = 3
  package static let blockElements = 32
  package static let blockBytes = 20
  package static let scalePlaces = ScalePlaces.halves(at: [0, 2])
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
  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    AffineBlocks(limit: 15).encode(row, importance: importance) { block, d, m, numbers in
      let start = block * blockBytes
      blocks.storeHalf(d, at: start)
      blocks.storeHalf(m, at: start + 2)
      for i in 0..<16 { blocks[start + 4 + i] = numbers[i] | numbers[16 + i] << 4 }
    }
  }
}
