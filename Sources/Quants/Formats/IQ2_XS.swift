/// Two hundred fifty-six weights as points of a codebook of 512, eight weights a point, in sixteen groups of sixteen.
///
/// ```
/// byte   0   1  d: f16
///        2 .. 65 little-endian 16-bit word k: bits 0..8 the point of weights 8k ..< 8k + 8, bits 9..15 the signs of the
///                first seven of them, the eighth by even parity
///       66 .. 73 scale of group 2j : of group 2j + 1                         (low nibble : high nibble)
///      w[i] = d * (0.5 + scale) * 0.25 * magnitude * sign          magnitudes 8, 25, 43 for the numbers 0, 1, 2
/// ```
///
/// Source: ggml, `block_iq2_xs`. 2.3125 bits per weight.
package enum IQ2_XS: QuantCodec {
  package static let name = "IQ2_XS"
  package static let ggufID: UInt32? = 17
  package static let blockElements = 256
  package static let blockBytes = 74
  package static let scalePlaces = ScalePlaces.halves(at: 0)
  package static let kernelTables: KernelTables? = .iq2XS
  package static let importanceGroup: Int? = 16
  package static let needsImportance = true

  private static let magnitudes: [Float] = [8, 25, 43]

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    let codebook = Codebook.iq2XS
    for block in 0..<source.count / blockBytes {
      let start = block * blockBytes
      let d = source.half(at: start)
      for run in 0..<32 {
        let word = UInt16(littleEndian: source.loadUnaligned(fromByteOffset: start + 2 + run * 2, as: UInt16.self))
        let scale = source[start + 66 + run / 4] >> (run / 2 % 2 == 0 ? 0 : 4) & 15
        let step = d * (0.5 + Float(scale)) * 0.25
        let point = Int(word & 511)
        let signs = withEvenParity(UInt8(truncatingIfNeeded: word >> 9))
        for i in 0..<8 {
          let magnitude = step * magnitudes[Int(codebook.numbers[point * 8 + i])]
          let isNegative = signs >> UInt8(truncatingIfNeeded: i) & 1 == 1
          row[block * blockElements + run * 8 + i] = magnitude * (isNegative ? -1 : 1)
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
        codebook: Codebook.iq2XS, group: 16, smallest: 1e-15, tries: 9, step: 0.1, isParityEven: true))
    let scales = Scratch<Float>(16, 0)
    for block in 0..<row.count / blockElements {
      let x = row.slice(block * blockElements, blockElements)
      let bytes = UnsafeMutableRawBufferPointer(rebasing: blocks[block * blockBytes..<(block + 1) * blockBytes])
      for i in bytes.indices { bytes[i] = 0 }
      let spread = ErrorFactors.sumOfSquares(x) / 256
      var largest: Float = 0
      for group in 0..<16 {
        let weights = x.slice(group * 16, 16)
        ErrorFactors.weightedOrSquares(
          weights, importance: importance?.slice(block * blockElements + group * 16, 16), spread: spread,
          into: search.factors.buffer)
        scales[group] = 0
        guard let scale = search.run(weights) else { continue }
        scales[group] = scale
        largest = largest > scale ? largest : scale
        for run in 0..<2 {
          let word = search.points[run] | UInt16(search.signs[run]) << 9
          bytes.storeBytes(of: word.littleEndian, toByteOffset: 2 + (group * 2 + run) * 2, as: UInt16.self)
        }
      }
      guard largest != 0 else {
        for i in bytes.indices { bytes[i] = 0 }
        continue
      }
      let d = largest / 31
      bytes.storeHalf(d, at: 0)
      for group in 0..<16 {
        bytes[66 + group / 2] |= OddScales.number(scales[group], inverse: 1 / d) << (group % 2 == 0 ? 0 : 4)
      }
    }
  }
}
