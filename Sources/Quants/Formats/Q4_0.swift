/// Thirty-two weights as four-bit numbers, offset by eight, under one scale.
///
/// ```
/// byte    0  1 | 2            3           ...  17
///         d: f16 | q16:q0      q17:q1      ...  q31:q15     (high nibble : low nibble)
///         w[i] = d * (q[i] - 8)
/// ```
///
/// Source: ggml, `block_q4_0`. 4.5 bits per weight.
package enum Q4_0: QuantCodec {
  package static let name = "Q4_0"
  package static let ggufID: UInt32? = 2
  package static let blockElements = 32
  package static let blockBytes = 18
  package static let scalePlaces = ScalePlaces.halves(at: [0])
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
  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    if let importance { return encodeWeighted(row, importance: importance, into: blocks) }
    for block in 0..<row.count / blockElements {
      let weights = UnsafeBufferPointer(rebasing: row[block * blockElements..<(block + 1) * blockElements])
      let start = block * blockBytes
      var largest: Float = 0
      var extreme: Float = 0
      for weight in weights where abs(weight) > largest {
        largest = abs(weight)
        extreme = weight
      }
      let d = extreme / -8
      let inverse: Float = d != 0 ? 1 / d : 0
      blocks.storeBytes(of: HalfPrecision.f16(d).littleEndian, toByteOffset: start, as: UInt16.self)
      for i in 0..<16 {
        let low = nibble(weights[i] * inverse)
        let high = nibble(weights[16 + i] * inverse)
        blocks[start + 2 + i] = low | high << 4
      }
    }
  }

  /// A scaled weight in -8...8 as the number 0...15: half a step is added and the fraction cut off.
  private static func nibble(_ scaled: Float) -> UInt8 {
    let shifted = scaled + 8.5
    guard abs(shifted) < 128 else { return 0 }
    return UInt8(truncatingIfNeeded: min(15, Int(shifted)))
  }
}
