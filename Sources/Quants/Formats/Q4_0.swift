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
    for i in 0..<16 { block[2 + i] = numbers[i] | numbers[16 + i] << 4 }
  }
}
