import Base
import TestSupport
import Testing
import Tokenizers

/// Ids and texts against Hugging Face `tokenizers`, case by case.
@Suite struct GoldenTokenizerTests {
  static func tiny() throws -> Tokenizer {
    try Tokenizer(
      tokenizerJSON: Fixtures.json("tiny-qwen3.5/tokenizer.json"),
      tokenizerConfig: Fixtures.json("tiny-qwen3.5/tokenizer_config.json"),
      modelConfig: Fixtures.json("tiny-qwen3.5/config.json"))
  }

  static func fromGGUF(_ tokenizer: Tokenizer, rows: Int) throws -> Tokenizer {
    let metadata = Metadata(try tokenizer.ggufEntries(rows: rows, chatTemplate: nil))
    return try GGUFTokenizer(metadata, file: "a.gguf", split: tokenizer.pretokenizer.ggufName).opened()
  }

  private func check(_ tokenizer: Tokenizer, _ name: String) throws {
    let cases = try #require(try Fixtures.json("golden/tokenizer/\(name).json")["cases"]?.arrayValue)
    #expect(cases.count > 100)
    for item in cases {
      let text = try #require(item["text"]?.stringValue)
      let ids = try #require(item["ids"]?.arrayValue).compactMap { $0.intValue.map(Int32.init) }
      #expect(try tokenizer.encode(text) == ids, "\(text.debugDescription)")
      let decoded = try #require(item["decoded"]?.stringValue)
      #expect(Array(tokenizer.decode(ids).utf8) == Array(decoded.utf8), "\(text.debugDescription)")
      var stream = StreamingDecoder(tokenizer)
      let pieces = ids.map { stream.append($0) } + [stream.finish()]
      #expect(Array(pieces.joined().utf8) == Array(decoded.utf8), "\(text.debugDescription), streamed")
    }
  }

  @Test func tinyVocabulary() throws { try check(Self.tiny(), "tiny-qwen3.5") }

  @Test func tinyVocabularyThroughGGUF() throws {
    try check(Self.fromGGUF(Self.tiny(), rows: 4096), "tiny-qwen3.5")
  }

  @Test func publishedVocabulary() throws {
    let tokenizer = try RealVocabulary.tokenizer.get()
    #expect(tokenizer.vocabularySize == 248_077)
    #expect(tokenizer.pretokenizer.ggufName == "qwen35")
    try check(tokenizer, "qwen3.5")
    let greeting: [Int32] = [
      9419, 0, 220, 97169, 97621, 6115, 16, 478, 220, 16, 283, 220, 17, 9551, 254, 68933, 128, 97, 91914, 28495, 68933,
      128, 105, 68933, 128, 95,
    ]
    #expect(try tokenizer.encode("Hello! 毕老师！1 + 1 = 2 ĠÑĤÐ²ÑĬÑĢ") == greeting)
  }

  @Test func publishedVocabularyThroughGGUF() throws {
    try check(Self.fromGGUF(RealVocabulary.tokenizer.get(), rows: 248_320), "qwen3.5")
  }

  /// The lists a GGUF of the tiny model holds, by the hashes of their lines.
  @Test func metadataOfTheTinyModel() throws {
    let tokenizer = try Self.tiny()
    let tokens = try tokenizer.ggufTokens(rows: 4096)
    let types = try tokenizer.ggufTokenTypes(rows: 4096)
    #expect(tokens.count == 4096 && types.count == 4096 && tokenizer.merges.count == 3744)
    #expect(hash(tokens) == "8c0cab76437d0bc1525a30be5f9e0a3f946bd577026028c51105a41ab97a1063")
    #expect(hash(types.map(String.init)) == "6d7a4059d9f962a6b45dd685160bcd168402525087ea2198da00e5baa6275b0f")
    #expect(hash(tokenizer.merges) == "c574896d5981f733fbd3bcffbcca187cdb2f5dc9bb1732520062f68894a49da8")
    #expect(tokenizer.special.ids == [.end: 4002, .padding: 4000])
    #expect(tokenizer.special.isAdded == [.beginning: false])
    #expect(tokenizer.pretokenizer.ggufName == "qwen35")
    #expect(throws: CheckpointError.self) { try tokenizer.ggufTokens(rows: 4020) }
  }

  private func hash(_ lines: some Sequence<String>) -> String {
    var hash = SHA256Hash()
    Array(Array(lines).joined(separator: "\n").utf8).withUnsafeBytes { hash.update($0) }
    return hash.finalize()
  }
}
