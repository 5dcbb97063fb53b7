import Quants
import Testing

@Suite("MXFP4 in words and scales")
struct MXFP4WordsTests {
  private static let blocks = 37

  private let words = (0..<blocks * MXFP4Words.bytes).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 / 16 &* 31) }
  private let scales = (0..<blocks).map { UInt8(truncatingIfNeeded: 96 + $0) }

  private func joined() -> [UInt8] {
    var result = [UInt8](repeating: 0, count: Self.blocks * MXFP4.blockBytes)
    words.withUnsafeBytes { words in
      scales.withUnsafeBytes { scales in
        result.withUnsafeMutableBytes { MXFP4Words.join(words, scales: scales, into: $0) }
      }
    }
    return result
  }

  @Test("Byte j of a block holds values 2j and 2j + 1")
  func definition() {
    let magnitudes: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    var found = [Float](repeating: 0, count: Self.blocks * MXFP4.blockElements)
    joined().withUnsafeBytes { blocks in found.withUnsafeMutableBufferPointer { MXFP4.decode(blocks, into: $0) } }
    for (index, value) in found.enumerated() {
      let byte = words[index / 2]
      let code = Int(index % 2 == 0 ? byte & 15 : byte >> 4)
      let scale = Float(sign: .plus, exponent: Int(scales[index / 32]) - 127, significand: 1)
      #expect(value == magnitudes[code & 7] * scale * (code > 7 ? -1 : 1), "value \(index)")
    }
  }

  @Test("Words and scales come back byte for byte")
  func roundTrip() {
    var back = (words: [UInt8](repeating: 0, count: words.count), scales: [UInt8](repeating: 0, count: scales.count))
    joined().withUnsafeBytes { blocks in
      back.words.withUnsafeMutableBytes { MXFP4Words.words(of: blocks, into: $0) }
      back.scales.withUnsafeMutableBytes { MXFP4Words.scales(of: blocks, into: $0) }
    }
    #expect(back.words == words && back.scales == scales)
  }
}
