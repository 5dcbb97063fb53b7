/// Two hundred fifty-six weights as points of a codebook of 1024, eight weights a point, in sixteen groups of sixteen.
///
/// ```
/// byte   0   1  d: f16
///        2 .. 33 lower eight bits of the point of weights 8k ..< 8k + 8
///       34 .. 65 signs of these weights, bit i set where weight 8k + i is negative
///       66 .. 73 byte j holds the upper two bits of points 4j ... 4j + 3 from bit 0 up
///       74 .. 81 scale of group 2j : of group 2j + 1                         (low nibble : high nibble)
///      w[i] = d * (0.5 + scale) * 0.25 * magnitude * sign          magnitudes 8, 25, 43 for the numbers 0, 1, 2
/// ```
///
/// Source: ggml, `block_iq2_s`. 2.5625 bits per weight.
package enum IQ2_S: QuantCodec {
  package static let name = "IQ2_S"
  package static let ggufID: UInt32? = 22
  package static let blockElements = 256
  package static let blockBytes = 82
  package static let scalePlaces = ScalePlaces.halves(at: 0)
  package static let kernelTables: KernelTables? = .iq2S
  package static let importanceGroup: Int? = 16

  private static let magnitudes: [Float] = [8, 25, 43]

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    let codebook = Codebook.iq2S
    for block in 0..<source.count / blockBytes {
      let start = block * blockBytes
      let d = source.half(at: start)
      for run in 0..<32 {
        let scale = source[start + 74 + run / 4] >> (run / 2 % 2 == 0 ? 0 : 4) & 15
        let step = d * (0.5 + Float(scale)) * 0.25
        let high = source[start + 66 + run / 4] >> UInt8(truncatingIfNeeded: run % 4 * 2) & 3
        let point = Int(source[start + 2 + run]) | Int(high) << 8
        let signs = source[start + 34 + run]
        for i in 0..<8 {
          let magnitude = step * magnitudes[Int(codebook.numbers[point * 8 + i])]
          let isNegative = signs >> UInt8(truncatingIfNeeded: i) & 1 == 1
          row[block * blockElements + run * 8 + i] = magnitude * (isNegative ? -1 : 1)
        }
      }
    }
  }

  /// Groups are rounded to the codebook around the scale of their largest weight; the largest scale becomes 31 units.
  ///
  /// Without importance an error counts by a quarter of twice the block's mean square plus the weight's square.
  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    let search = CodebookSearch(
      CodebookSearch.Rule(codebook: Codebook.iq2S, group: 16, smallest: 1e-8, tries: 9, step: 0.1))
    let scales = Scratch<Float>(16, 0)
    for block in 0..<row.count / blockElements {
      let x = row.slice(block * blockElements, blockElements)
      let bytes = UnsafeMutableRawBufferPointer(rebasing: blocks[block * blockBytes..<(block + 1) * blockBytes])
      for i in bytes.indices { bytes[i] = 0 }
      let spread = 2 * ErrorFactors.sumOfSquares(x) / 256
      var largest: Float = 0
      for group in 0..<16 {
        let weights = x.slice(group * 16, 16)
        if let importance {
          ErrorFactors.weighted(
            weights, importance: importance.slice(block * blockElements + group * 16, 16), spread: spread,
            into: search.factors.buffer)
        } else {
          for i in 0..<16 { search.factors[i] = 0.25 * spread + weights[i] * weights[i] }
        }
        scales[group] = 0
        guard let scale = search.run(weights) else { continue }
        scales[group] = scale
        largest = largest > scale ? largest : scale
        for i in 0..<2 {
          let run = group * 2 + i
          bytes[2 + run] = UInt8(truncatingIfNeeded: search.points[i])
          bytes[34 + run] = search.signs[i]
          let high = UInt8(truncatingIfNeeded: search.points[i] >> 8)
          bytes[66 + run / 4] |= high << UInt8(truncatingIfNeeded: run % 4 * 2)
        }
      }
      guard largest != 0 else { continue }
      let d = largest / 31
      bytes.storeHalf(d * 0.9875, at: 0)
      for group in 0..<16 {
        bytes[74 + group / 2] |= OddScales.number(scales[group], inverse: 1 / d) << (group % 2 == 0 ? 0 : 4)
      }
    }
  }
}
