/// Two hundred fifty-six weights as points of a codebook of 512, four weights a point, in eight groups of thirty-two.
///
/// ```
/// byte    0   1  d: f16
///         2 .. 65  lower eight bits of the point of weights 4k ..< 4k + 4
///        66 .. 73  byte g holds the ninth bits of the eight points of group g from bit 0 up
///        74 .. 105 signs of weights 8k ..< 8k + 8, bit i set where weight 8k + i is negative
///       106 .. 109 scale of group 2j : of group 2j + 1                       (low nibble : high nibble)
///      w[i] = d * (1 + 2 scale) * magnitude * sign                 magnitudes 1, 3, ... 15 for the numbers 0 ... 7
/// ```
///
/// Source: ggml, `block_iq3_s`. 3.4375 bits per weight.
package enum IQ3_S: QuantCodec {
  package static let name = "IQ3_S"
  package static let ggufID: UInt32? = 21
  package static let blockElements = 256
  package static let blockBytes = 110
  package static let scalePlaces = ScalePlaces.halves(at: 0)
  package static let kernelTables: KernelTables? = .iq3S
  package static let importanceGroup: Int? = 32

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    let codebook = Codebook.iq3S
    for block in 0..<source.count / blockBytes {
      let start = block * blockBytes
      let d = source.half(at: start)
      for run in 0..<64 {
        let group = run / 8
        let scale = source[start + 106 + group / 2] >> (group % 2 == 0 ? 0 : 4) & 15
        let step = d * Float(1 + 2 * scale)
        let high = source[start + 66 + group] >> UInt8(truncatingIfNeeded: run % 8) & 1
        let point = Int(source[start + 2 + run]) | Int(high) << 8
        for i in 0..<4 {
          let magnitude = step * Float(2 * codebook.numbers[point * 4 + i] + 1)
          let bit = UInt8(truncatingIfNeeded: run % 2 * 4 + i)
          let isNegative = source[start + 74 + run / 2] >> bit & 1 == 1
          row[block * blockElements + run * 4 + i] = magnitude * (isNegative ? -1 : 1)
        }
      }
    }
  }

  /// Groups are rounded to the codebook around the scale of their largest weight; the largest scale becomes 31 units.
  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    let search = CodebookSearch(
      CodebookSearch.Rule(
        codebook: Codebook.iq3S, group: 32, smallest: Float.leastNonzeroMagnitude, tries: 9, step: 0.2,
        refinement: .allIfAnyEmpty))
    let scales = Scratch<Float>(8, 0)
    for block in 0..<row.count / blockElements {
      let x = row.slice(block * blockElements, blockElements)
      let bytes = UnsafeMutableRawBufferPointer(rebasing: blocks[block * blockBytes..<(block + 1) * blockBytes])
      for i in bytes.indices { bytes[i] = 0 }
      let spread = 2 * ErrorFactors.sumOfSquares(x) / 256
      var largest: Float = 0
      // The reference steps its output on only where a group has a scale: the points and signs of groups after one of zeros
      // lie one place early, their ninth bits and scales do not, and they decode to something else.
      var stored = 0
      for group in 0..<8 {
        let weights = x.slice(group * 32, 32)
        ErrorFactors.weightedOrSquares(
          weights, importance: importance?.slice(block * blockElements + group * 32, 32), spread: spread,
          into: search.factors.buffer)
        scales[group] = 0
        guard let scale = search.run(weights) else { continue }
        scales[group] = scale
        largest = largest > scale ? largest : scale
        for run in 0..<8 {
          bytes[2 + stored * 8 + run] = UInt8(truncatingIfNeeded: search.points[run])
          let high = UInt8(truncatingIfNeeded: search.points[run] >> 8)
          bytes[66 + group] |= high << UInt8(truncatingIfNeeded: run)
        }
        for k in 0..<4 { bytes[74 + stored * 4 + k] = search.signs[k] }
        stored += 1
      }
      guard largest != 0 else { continue }
      let d = largest / 31
      bytes.storeHalf(d * 1.033, at: 0)
      for group in 0..<8 {
        bytes[106 + group / 2] |= OddScales.number(scales[group], inverse: 1 / d) << (group % 2 == 0 ? 0 : 4)
      }
    }
  }
}
