/// Two hundred fifty-six weights as -1, 0 or 1, five to a byte, under one scale.
///
/// A byte holds five ternary digits t0 t1 t2 t3 t4 as the fraction `0.t0t1t2t3t4` of base 3 in 256ths, rounded up: multiplying
/// by 3 brings t0 out at the top, multiplying by 9 brings t1, and so on, always modulo 256.
///
/// ```
/// byte   0 .. 31  byte l holds w[l], w[l+32], w[l+64], w[l+96], w[l+128] as t0 ... t4
///       32 .. 47  byte l holds w[160+l], w[176+l], w[192+l], w[208+l], w[224+l]
///       48 .. 51  byte l holds w[240+l], w[244+l], w[248+l], w[252+l], and 0
///       52    53  d: f16
///       w[i] = (t[i] - 1) * d
/// ```
///
/// Source: ggml, `block_tq1_0`. 1.6875 bits per weight.
package enum TQ1_0: QuantCodec {
  package static let name = "TQ1_0"
  package static let ggufID: UInt32? = 34
  package static let blockElements = 256
  package static let blockBytes = 54
  package static let scalePlaces = ScalePlaces.halves(at: 52)

  private static let powers: [UInt8] = [1, 3, 9, 27, 81]
  /// First byte, first weight, bytes, digits used.
  private static let runs = [(0, 0, 32, 5), (32, 160, 16, 5), (48, 240, 4, 4)]

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for block in 0..<source.count / blockBytes {
      let start = block * blockBytes
      let d = source.half(at: start + 52)
      for (firstByte, firstWeight, count, digits) in runs {
        for digit in 0..<digits {
          for l in 0..<count {
            let fraction = source[start + firstByte + l] &* powers[digit]
            let ternary = (UInt16(fraction) * 3) >> 8
            row[block * blockElements + firstWeight + digit * count + l] = Float(Int(ternary) - 1) * d
          }
        }
      }
    }
  }

  /// Each weight goes to the nearest of -1, 0, 1 times the largest magnitude; importance plays no part.
  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    for block in 0..<row.count / blockElements {
      let x = row.slice(block * blockElements, blockElements)
      let start = block * blockBytes
      let (d, inverse) = Ternary.scale(x)
      for (firstByte, firstWeight, count, digits) in runs {
        for l in 0..<count {
          var number: UInt8 = 0
          for digit in 0..<5 {
            number = number &* 3
            if digit < digits { number = number &+ Ternary.number(x[firstWeight + digit * count + l] * inverse) }
          }
          blocks[start + firstByte + l] = UInt8(truncatingIfNeeded: (UInt32(number) * 256 + 242) / 243)
        }
      }
      blocks.storeHalf(d, at: start + 52)
    }
  }
}
