import Base
import TestSupport
import Testing
import Tokenizers

/// Texts that would take forever if a step were quadratic, or overflow a stack if one recursed.
struct LongTextTests {
  static let million = 1_000_000

  @Test(arguments: ["a", "é", " ", "\n", "\u{301}", "'", "日", "<", "0"]) func oneCharacterAMillionTimes(
    _ character: String
  ) throws {
    _ = try GoldenTokenizerTests.tiny().encode("What is made once is made now: é 0")
    func work(_ count: Int) throws -> Double {
      let tokenizer = try GoldenTokenizerTests.tiny()
      let text = String(repeating: character, count: count)
      var ids: [Int32] = []
      let work = try Work.measure { ids = try tokenizer.encode(text) }
      #expect(tokenizer.decode(ids) == text)
      return work
    }
    // A hundred times the text is a hundred times the work, or some more for a heap and for memory further away; a step
    // whose work grows with the square would make it ten thousand times.
    let (some, all) = try (work(Self.million / 100), work(Self.million))
    #expect(all < 2_000 * some)
  }

  @Test func aMillionLettersAsOneWord() throws {
    let tokenizer = try RealVocabulary.tokenizer.get()
    var generator = SeededGenerator(state: 23)
    let letters = Array("etaoinshr".utf8)
    let text = (0..<Self.million).map { _ in letters[Int.random(in: 0..<letters.count, using: &generator)] }
    #expect(tokenizer.decodeBytes(try tokenizer.encode(text)) == text)
  }

  /// The heap of long words and the search of short ones merge in the order the definition says.
  @Test func longAndShortWordsMergeAlike() throws {
    let tokenizer = try GoldenTokenizerTests.tiny()
    var ranks: [[Int32]: Int] = [:]
    var results: [[Int32]: Int32] = [:]
    for (rank, merge) in tokenizer.merges.enumerated() {
      let parts = merge.split(separator: " ").map(String.init)
      let pair = [try #require(tokenizer.id(of: parts[0])), try #require(tokenizer.id(of: parts[1]))]
      ranks[pair] = rank
      results[pair] = tokenizer.id(of: parts[0] + parts[1])
    }
    var generator = SeededGenerator(state: 29)
    let letters = Array("etaoinshrdlu".utf8)
    for count in [1, 2, 3, 8, 15, 16, 17, 47, 48, 49, 50, 64, 120, 300] {
      let word = (0..<count).map { _ in letters[Int.random(in: 0..<letters.count, using: &generator)] }
      var symbols = try word.map { byte in try #require(tokenizer.id(of: String(decoding: [byte], as: UTF8.self))) }
      while let place = symbols.indices.dropLast().filter({ ranks[[symbols[$0], symbols[$0 + 1]]] != nil }).min(by: {
        (ranks[[symbols[$0], symbols[$0 + 1]]] ?? 0, $0) < (ranks[[symbols[$1], symbols[$1 + 1]]] ?? 0, $1)
      }) {
        symbols[place] = try #require(results[[symbols[place], symbols[place + 1]]])
        symbols.remove(at: place + 1)
      }
      #expect(try tokenizer.encode(word) == symbols)
    }
  }

  /// Patterns that take exponential time in an engine that only backtracks; the engine counts its steps and gives up when
  /// they are more than a number that grows with the text.
  @Test(arguments: ["(?:a|a)*b", "(?:a|aa)+$b", "(?:a*)?b", "(?=(?:a|aa)+b)a", "a*a*a*a*b|a"]) func carelessPatterns(
    _ pattern: String
  ) throws {
    let text = [UInt8](repeating: UInt8(ascii: "a"), count: 3_000)
    #expect(try Array(Pretokenizer(patterns: [pattern]).words(text).joined()) == text)
  }

  /// What looks find far ahead is remembered, whether they fail or succeed everywhere.
  @Test(arguments: [#"(?=[^\x01]*\x01)x|a|\x01"#, #"(?![^\x01]*\x01)x|a|\x01"#, #"(?>[^\x01]*)\x01x|a|\x01"#])
  func unboundedLooks(_ source: String) throws {
    let pattern = Pretokenizer(patterns: [source])
    var text = [UInt8](repeating: UInt8(ascii: "a"), count: 100_000)
    #expect(try pattern.words(text).count == text.count)
    text[text.count - 1] = 1
    #expect(try pattern.words(text).count == text.count)
  }

  /// A pattern with more states than can be remembered is given up in words, on a text long enough.
  @Test func whatTakesTooLong() throws {
    let choices = [String](repeating: "a", count: 40).joined(separator: "|")
    let pattern = Pretokenizer(patterns: ["(?=(?:\(choices))*b)a|a"])
    let text = [UInt8](repeating: UInt8(ascii: "a"), count: 100_000)
    let error = #expect(throws: CheckpointError.self) { try pattern.words(text) }
    #expect(error?.code == .unsupported && error?.message.contains("too long") == true)
    #expect(try pattern.words(text.prefix(1_000).map { $0 }).count == 1_000)
  }

  @Test(arguments: [
    "(", ")", "[a", "a{2}{3}{4}{5}{6}", "(a*)*", #"\p{Nonsense}"#, #"\k<a>"#, "[b-a]", "*a", "(?<name>a)", "(?<=a+)b",
    "[[:alpha:]]", "[a&&b]", "a{9,1}", "\\", String(repeating: "(", count: 5_000),
    String(repeating: "[", count: 5_000), "((((a{99}){99}){99}){99})", #"\x{110000}"#, "a++++++++",
  ]) func patternsThatCannotBeUsed(_ pattern: String) {
    let error = #expect(throws: CheckpointError.self) {
      try Pretokenizer(patterns: [pattern]).words(Array("abc".utf8))
    }
    #expect(error?.code == .unsupported && error?.message.contains("pattern") == true)
  }
}
