/// Two hundred fifty-six weights as -1, 0 or 1, two bits each, under one scale.
///
/// ```
/// byte   0 .. 31  byte l holds w[l], w[l+32], w[l+64], w[l+96] from bit 0 up
///       32 .. 63  the same for weights 128..255
///       64    65  d: f16
///       w[i] = (q[i] - 1) * d
/// ```
///
/// Source: ggml, `block_tq2_0`. 2.0625 bits per weight.
package enum TQ2_0: QuantCodec {
  package static let name = "TQ2_0"
  package static let ggufID: UInt32? = 35
  package static let blockElements = 256
  package static let blockBytes = 66
  package static let scalePlaces = ScalePlaces.halves(at: 64)

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for block in 0..<source.count / blockBytes {
      let start = block * blockBytes
      let d = source.half(at: start + 64)
      for i in 0..<blockElements {
        let number = source[start + TwoBits.byte(i)] >> TwoBits.shift(i) & 3
        row[block * blockElements + i] = Float(Int(number) - 1) * d
      }
    }
  }

  /// Each weight goes to the nearest of -1, 0, 1 times the largest magnitude; importance plays no part.
  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    let numbers = Scratch<UInt8>(blockElements, 0)
    for block in 0..<row.count / blockElements {
      let x = row.slice(block * blockElements, blockElements)
      let (d, inverse) = Ternary.scale(x)
      for i in x.indices { numbers[i] = Ternary.number(x[i] * inverse) }
      let start = block * blockBytes
      TwoBits.store(numbers.buffer, UnsafeMutableRawBufferPointer(rebasing: blocks[start..<start + 64]))
      blocks.storeHalf(d, at: start + 64)
    }
  }
}
