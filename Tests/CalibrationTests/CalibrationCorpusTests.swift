import Corpus
import Testing

/// The texts on which models are calibrated, beside those on which they are judged.
@Suite struct CalibrationCorpusTests {
  @Test("Every calibration text is UTF-8, ends with one line end and has a name and a share")
  func form() {
    for text in Corpus.calibration {
      #expect(String(validating: text.bytes, as: UTF8.self) != nil, "\(text.name)")
      #expect(text.bytes.count > 4000, "\(text.name)")
      #expect(text.bytes.last == 0x0A && text.bytes.dropLast().last != 0x0A, "\(text.name)")
      #expect(text.share > 0, "\(text.name)")
    }
    #expect(Set(Corpus.calibration.map(\.name)).count == Corpus.calibration.count)
    // docs/corpus.md says so.
    #expect(Corpus.calibration.count == 19)
    #expect(Corpus.calibration.reduce(0) { $0 + $1.share } == 41)
  }

  @Test("No 40 bytes in a row, and so no line of 40 characters, stand in a calibration text and in a judging text")
  func nothingShared() {
    let length = 40
    var judging: Set<ArraySlice<UInt8>> = []
    for (_, bytes) in Corpus.texts {
      for start in 0...bytes.count - length { judging.insert(bytes[start..<start + length]) }
    }
    for text in Corpus.calibration {
      let shared = (0...text.bytes.count - length).first { judging.contains(text.bytes[$0..<$0 + length]) }
      #expect(shared == nil, "\(text.name): byte \(shared ?? 0)")
    }
  }
}
