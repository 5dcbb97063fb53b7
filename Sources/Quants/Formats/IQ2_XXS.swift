/// Two hundred fifty-six weights as points of a codebook of 256, eight weights a point, in eight groups of thirty-two.
///
/// ```
/// byte   0   1  d: f16
///        2 .. 9 group 0, as two little-endian 32-bit words:
///               first word:  byte k is the point of weights 8k ..< 8k + 8
///               second word: bits 7k ..< 7k + 7 the signs of these weights, the eighth by even parity; bits 28..31 the scale
///       10 .. 65 the same for groups 1..7
///      w[i] = d * (0.5 + scale) * 0.25 * magnitude * sign          magnitudes 8, 25, 43 for the numbers 0, 1, 2
/// ```
///
/// Source: ggml, `block_iq2_xxs`. 2.0625 bits per weight.
package enum IQ2_XXS: QuantCodec {
  package static let name = "IQ2_XXS"
  package static let ggufID: UInt32? = 16
  package static let blockElements = 256
  package static let blockBytes = 66
  package static let scalePlaces = ScalePlaces.halves(at: 0)
  package static let kernelTables: KernelTables? = .iq2XXS
  package static let importanceGroup: Int? = 32
  package static let needsImportance = true

  private static let magnitudes: [Float] = [8, 25, 43]

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    let codebook = Codebook.iq2XXS
    for block in 0..<source.count / blockBytes {
      let start = block * blockBytes
      let d = source.half(at: start)
      for group in 0..<8 {
        let word = UInt32(
          littleEndian: source.loadUnaligned(fromByteOffset: start + 2 + group * 8 + 4, as: UInt32.self))
        let step = d * (0.5 + Float(word >> 28)) * 0.25
        for run in 0..<4 {
          let point = Int(source[start + 2 + group * 8 + run])
          let seven = UInt8(truncatingIfNeeded: word >> UInt32(truncatingIfNeeded: 7 * run) & 127)
          let signs = withEvenParity(seven)
          for i in 0..<8 {
            let magnitude = step * magnitudes[Int(codebook.numbers[point * 8 + i])]
            let isNegative = signs >> UInt8(truncatingIfNeeded: i) & 1 == 1
            row[block * blockElements + group * 32 + run * 8 + i] = magnitude * (isNegative ? -1 : 1)
          }
        }
      }
    }
  }

  /// Groups are rounded to the codebook around a fitted scale; the largest scale becomes 31 units.
  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    let search = CodebookSearch(
      CodebookSearch.Rule(
        codebook: Codebook.iq2XXS, group: 32, smallest: 1e-15, tries: 6, step: 0.1, isParityEven: true,
        isCentreFitted: true, refinement: .all))
    let scales = Scratch<Float>(8, 0)
    for block in 0..<row.count / blockElements {
      let x = row.slice(block * blockElements, blockElements)
      let bytes = UnsafeMutableRawBufferPointer(rebasing: blocks[block * blockBytes..<(block + 1) * blockBytes])
      for i in bytes.indices { bytes[i] = 0 }
      let spread = ErrorFactors.sumOfSquares(x) / 256
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
        var word: UInt32 = 0
        for run in 0..<4 {
          bytes[2 + group * 8 + run] = UInt8(truncatingIfNeeded: search.points[run])
          word |= UInt32(search.signs[run]) << UInt32(truncatingIfNeeded: 7 * run)
        }
        bytes.storeBytes(of: word.littleEndian, toByteOffset: 2 + group * 8 + 4, as: UInt32.self)
      }
      guard largest != 0 else {
        for i in bytes.indices { bytes[i] = 0 }
        continue
      }
      let d = largest / 31
      bytes.storeHalf(d, at: 0)
      for group in 0..<8 { bytes[2 + group * 8 + 7] |= OddScales.number(scales[group], inverse: 1 / d) << 4 }
    }
  }
}
