import Foundation
import Base
import TestSupport
import Testing
import Tokenizers

/// Random texts with a fixed seed: what must hold for every text.
@Suite struct FuzzTests {
  /// The hand-written scanner and the general engine cut the same pattern the same way, stray bytes included.
  @Test(arguments: ["qwen35", "qwen2", "llama-bpe", "gpt-2"]) func scannerAgreesWithTheGeneralEngine(
    _ name: String
  ) throws {
    let fast = try #require(Pretokenizer(named: name))
    // In a group the pattern is the same and its text is not: the registry does not know it.
    let general = Pretokenizer(patterns: fast.patterns.map { "(?:\($0))" })
    #expect(general.ggufName == nil)
    var generator = SeededGenerator(state: 7)
    for _ in 0..<4_000 {
      let text = RandomText.bytes(&generator)
      let words = try fast.words(text)
      #expect(Array(words.joined()) == text)
      #expect(words == (try general.words(text)), "\(text)")
    }
  }

  /// Text comes back in NFC, by implementations that are not ours.
  @Test func roundTripIsTheNormalForm() throws {
    let tokenizer = try GoldenTokenizerTests.tiny()
    var generator = SeededGenerator(state: 11)
    for _ in 0..<4_000 {
      let text = RandomText.text(&generator)
      let back = tokenizer.decode(try tokenizer.encode(text, addedTokens: .ignored))
      // Equality of strings is canonical equivalence.
      #expect(back == text, "\(text.debugDescription)")
      // Foundation on Linux leaves a trailing consonant apart from its syllable, which NFC does not.
      guard !text.unicodeScalars.contains(where: { (0x1100...0x11FF).contains($0.value) }) else { continue }
      #expect(Array(back.utf8) == Array(text.precomposedStringWithCanonicalMapping.utf8), "\(text.debugDescription)")
    }
  }

  /// Bytes that are not UTF-8 survive; only what is text is normalized.
  @Test func bytesSurvive() throws {
    let document = try Fixtures.json("tiny-qwen3.5/tokenizer.json")
    var object = try #require(document.objectValue)
    object["normalizer"] = .null
    let tokenizer = try Tokenizer(tokenizerJSON: .object(object))
    var generator = SeededGenerator(state: 13)
    for _ in 0..<2_000 {
      let text = RandomText.bytes(&generator)
      #expect(tokenizer.decodeBytes(try tokenizer.encode(text)) == text)
    }
  }

  /// Tokens one at a time give the text they give together, whatever bytes they break it into.
  @Test func streamingEqualsWhole() throws {
    let tokenizer = try RealVocabulary.tokenizer.get()
    var generator = SeededGenerator(state: 17)
    for _ in 0..<2_000 {
      let ids = (0..<Int.random(in: 0...12, using: &generator)).map { _ in
        Int32.random(in: 0..<(Bool.random(using: &generator) ? 256 : 248_500), using: &generator)
      }
      var stream = StreamingDecoder(tokenizer)
      let text = (ids.map { stream.append($0) } + [stream.finish()]).joined()
      #expect(Array(text.utf8) == Array(tokenizer.decode(ids).utf8), "\(ids)")
    }
  }

  /// Many threads on one value: the same ids as one alone.
  @Test func threadsShareOneTokenizer() async throws {
    let tokenizer = try GoldenTokenizerTests.tiny()
    var generator = SeededGenerator(state: 19)
    let texts = (0..<400).map { _ in RandomText.text(&generator) }
    let alone = try texts.map { try tokenizer.encode($0) }
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<6 { group.addTask { try texts.map { try tokenizer.encode($0) } == alone } }
      for try await isSame in group { #expect(isSame) }
    }
  }
}
