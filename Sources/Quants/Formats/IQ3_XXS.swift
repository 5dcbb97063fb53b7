/// Two hundred fifty-six weights as points of a codebook of 256, four weights a point, in eight groups of thirty-two.
///
/// ```
/// byte   0   1  d: f16
///        2 .. 65 point of weights 4k ..< 4k + 4
///       66 .. 97 group g, little-endian 32-bit word: bits 7k ..< 7k + 7 the signs of its weights 8k ..< 8k + 7, the eighth
///                by even parity; bits 28..31 the scale
///      w[i] = d * (0.5 + scale) * 0.5 * magnitude * sign     magnitudes 4, 12, 20, 28, 36, 44, 52, 62 for the numbers 0 ... 7
/// ```
///
/// Source: ggml, `block_iq3_xxs`. 3.0625 bits per weight.
package enum IQ3_XXS: QuantCodec {
  package static let name = "IQ3_XXS"
  package static let ggufID: UInt32? = 18
  package static let blockElements = 256
  package static let blockBytes = 98
  package static let scalePlaces = ScalePlaces.halves(at: 0)
  package static let kernelTables: KernelTables? = .iq3XXS
  package static let importanceGroup: Int? = 32

  private static let magnitudes: [Float] = [4, 12, 20, 28, 36, 44, 52, 62]

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    let codebook = Codebook.iq3XXS
    for block in 0..<source.count / blockBytes {
      let start = block * blockBytes
      let d = source.half(at: start)
      for group in 0..<8 {
        let word = UInt32(littleEndian: source.loadUnaligned(fromByteOffset: start + 66 + group * 4, as: UInt32.self))
        let step = d * (0.5 + Float(word >> 28)) * 0.5
        for i in 0..<32 {
          let point = Int(source[start + 2 + group * 8 + i / 4])
          let magnitude = step * magnitudes[Int(codebook.numbers[point * 4 + i % 4])]
          let seven = UInt8(truncatingIfNeeded: word >> UInt32(truncatingIfNeeded: 7 * (i / 8)) & 127)
          let isNegative = withEvenParity(seven) >> UInt8(truncatingIfNeeded: i % 8) & 1 == 1
          row[block * blockElements + group * 32 + i] = magnitude * (isNegative ? -1 : 1)
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
        codebook: Codebook.iq3XXS, group: 32, smallest: 1e-8, tries: 15, step: 0.2, isParityEven: true))
    let scales = Scratch<Float>(8, 0)
    for block in 0..<row.count / blockElements {
      let x = row.slice(block * blockElements, blockElements)
      let bytes = UnsafeMutableRawBufferPointer(rebasing: blocks[block * blockBytes..<(block + 1) * blockBytes])
      for i in bytes.indices { bytes[i] = 0 }
      let spread = 2 * ErrorFactors.sumOfSquares(x) / 256
      var largest: Float = 0
      for group in 0..<8 {
        let weights = x.slice(group * 32, 32)
        ErrorFactors.weightedOrSquares(
          weights, importance: importance?.slice(block * blockElements + group * 32, 32), spread: spread,
          into: search.factors.buffer)
        scales[group] = 0
        guard let scale = search.run(weights) else { continue }
        scales[group] = scale
        largest = largest > scale ? largest : scale
        for run in 0..<8 { bytes[2 + group * 8 + run] = UInt8(truncatingIfNeeded: search.points[run]) }
        var word: UInt32 = 0
        for k in 0..<4 { word |= UInt32(search.signs[k]) << UInt32(truncatingIfNeeded: 7 * k) }
        bytes.storeBytes(of: word.littleEndian, toByteOffset: 66 + group * 4, as: UInt32.self)
      }
      guard largest != 0 else {
        for i in bytes.indices { bytes[i] = 0 }
        continue
      }
      let d = largest / 31
      bytes.storeHalf(d * 1.0125, at: 0)
      for group in 0..<8 { bytes[66 + group * 4 + 3] |= OddScales.number(scales[group], inverse: 1 / d) << 4 }
    }
  }
}
