/// Thirty-two weights as signed bytes under one scale.
///
/// ```
/// byte    0  1 | 2  3  4 ...           33
///         d: f16 | q0 q1 q2 ...         q31        w[i] = d * q[i]
/// ```
///
/// Source: ggml, `block_q8_0`. 8.5 bits per weight.
package enum Q8_0: QuantCodec {
  package static let name = "Q8_0"
  package static let ggufID: UInt32? = 8
  package static let blockElements = 32
  package static let blockBytes = 34
  package static let scalePlaces = ScalePlaces.halves(at: [0])

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
  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    for block in 0..<row.count / blockElements {
      let weights = UnsafeBufferPointer(rebasing: row[block * blockElements..<(block + 1) * blockElements])
      let start = block * blockBytes
      var largest: Float = 0
      // C's MAX, which a NaN passes through in its own way.
      for weight in weights { largest = largest > abs(weight) ? largest : abs(weight) }
      let d = largest / 127
      let inverse: Float = d != 0 ? 1 / d : 0
      blocks.storeBytes(of: HalfPrecision.f16(d).littleEndian, toByteOffset: start, as: UInt16.self)
      for i in 0..<blockElements {
        let scaled = (weights[i] * inverse).rounded(.toNearestOrAwayFromZero)
        blocks[start + 2 + i] = UInt8(bitPattern: truncatingInt8(scaled))
      }
    }
  }

  /// The low byte of the number as C's conversion through a 32-bit integer gives it; infinities and NaN give 0.
  private static func truncatingInt8(_ value: Float) -> Int8 {
    guard abs(value) < 2_147_483_648 else { return 0 }
    return Int8(truncatingIfNeeded: Int32(value))
  }
}
