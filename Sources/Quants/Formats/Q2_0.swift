/// Sixty-four weights as -1, 0, 1 or 2, two bits each, under one scale.
///
/// ```
/// byte    0  1 | 2 .. 17
///         d: f16 | bits 2 (i % 4) and up of byte i / 4: q[i]            w[i] = (q[i] - 1) * d
/// ```
///
/// Source: ggml, `block_q2_0`. 2.25 bits per weight.
package enum Q2_0: QuantCodec {
  package static let name = "Q2_0"
  package static let ggufID: UInt32? = 42
  package static let blockElements = 64
  package static let blockBytes = 18
  package static let scalePlaces = ScalePlaces.halves(at: 0)

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for block in 0..<source.count / blockBytes {
      let start = block * blockBytes
      let d = source.half(at: start)
      for i in 0..<blockElements {
        let number = source[start + 2 + i / 4] >> UInt8(truncatingIfNeeded: i % 4 * 2) & 3
        row[block * blockElements + i] = Float(Int(number) - 1) * d
      }
    }
  }

  /// The scale is the largest magnitude, so 2 is never chosen; importance plays no part.
  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    for block in 0..<row.count / blockElements {
      let x = row.slice(block * blockElements, blockElements)
      let start = block * blockBytes
      let d = abs(SymmetricScale.extremeWeight(x))
      let inverse: Float = d > 0 ? 1 / d : 0
      blocks.storeHalf(d, at: start)
      for byte in 0..<16 {
        var bits: UInt8 = 0
        for place in 0..<4 {
          let scaled = (x[byte * 4 + place] * inverse).rounded(.toNearestOrAwayFromZero)
          let number = max(0, min(3, truncatedInteger(scaled) &+ 1))
          bits |= UInt8(truncatingIfNeeded: number) << UInt8(truncatingIfNeeded: place * 2)
        }
        blocks[start + 2 + byte] = bits
      }
    }
  }
}
