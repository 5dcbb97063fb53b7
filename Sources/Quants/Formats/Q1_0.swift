/// One hundred twenty-eight weights as their signs, under one scale.
///
/// ```
/// byte    0  1 | 2 .. 17
///         d: f16 | bit i % 8 of byte i / 8: 1 for w[i] = d, 0 for w[i] = -d
/// ```
///
/// Source: ggml, `block_q1_0`. 1.125 bits per weight.
package enum Q1_0: QuantCodec {
  package static let name = "Q1_0"
  package static let ggufID: UInt32? = 41
  package static let blockElements = 128
  package static let blockBytes = 18
  package static let scalePlaces = ScalePlaces.halves(at: 0)

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for block in 0..<source.count / blockBytes {
      let start = block * blockBytes
      let d = source.half(at: start)
      for i in 0..<blockElements {
        let isPositive = source[start + 2 + i / 8] >> UInt8(truncatingIfNeeded: i % 8) & 1 == 1
        row[block * blockElements + i] = isPositive ? d : -d
      }
    }
  }

  /// The scale is the mean magnitude; zero counts as positive; importance plays no part.
  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    for block in 0..<row.count / blockElements {
      let x = row.slice(block * blockElements, blockElements)
      let start = block * blockBytes
      var sum: Float = 0
      for weight in x { sum += abs(weight) }
      blocks.storeHalf(sum / Float(blockElements), at: start)
      for byte in 0..<16 {
        var bits: UInt8 = 0
        for bit in 0..<8 where x[byte * 8 + bit] >= 0 { bits |= 1 << UInt8(truncatingIfNeeded: bit) }
        blocks[start + 2 + byte] = bits
      }
    }
  }
}
