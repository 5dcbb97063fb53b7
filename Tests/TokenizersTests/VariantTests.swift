import Base
import TestSupport
import Testing
import Tokenizers

/// Tokenizers that differ from the tiny one in one part, against Hugging Face `tokenizers`.
@Suite struct VariantTests {
  struct Variant: Sendable, CustomTestStringConvertible {
    let name: String
    let changes: OrderedJSON
    let cases: [OrderedJSON]
    var testDescription: String { name }
  }

  static let variants: [Variant] = {
    let list = try? Fixtures.json("golden/tokenizer/variants.json")["variants"]?.arrayValue
    return (list ?? []).map {
      Variant(
        name: $0["name"]?.stringValue ?? "", changes: $0["changes"] ?? .null, cases: $0["cases"]?.arrayValue ?? [])
    }
  }()

  @Test func thereAreVariants() { #expect(Self.variants.count >= 30) }

  @Test(arguments: variants) func sameIds(_ variant: Variant) throws {
    var document = try #require(try Fixtures.json("tiny-qwen3.5/tokenizer.json").objectValue)
    for (key, value) in try #require(variant.changes.objectValue).entries {
      if key == "model" {
        var model = try #require(document["model"]?.objectValue)
        for (name, part) in try #require(value.objectValue).entries { model[name] = part }
        document["model"] = .object(model)
      } else {
        document[key] = value
      }
    }
    let tokenizer = try Tokenizer(tokenizerJSON: .object(document))
    if variant.name.hasPrefix("split: "), Pretokenizer.knownNames.contains(String(variant.name.dropFirst(7))),
      variant.name != "split: tekken", variant.name != "split: llama-bpe"
    {
      #expect(tokenizer.pretokenizer.ggufName == String(variant.name.dropFirst(7)))
    }
    for item in variant.cases {
      let text = try #require(item["text"]?.stringValue)
      let ids = try #require(item["ids"]?.arrayValue).compactMap { $0.intValue.map(Int32.init) }
      #expect(try tokenizer.encode(text) == ids, "\(text.debugDescription)")
    }
  }

  /// Names whose readers take whole words from the vocabulary are only for tokenizers that do.
  @Test func namesStandForIgnoredMergesToo() throws {
    let llama = try #require(Pretokenizer(named: "llama-bpe"))
    #expect(llama.ggufName == "llama-bpe")
    #expect(Pretokenizer(patterns: llama.patterns).ggufName == "dbrx")
    #expect(Pretokenizer(patterns: [RealVocabulary.pattern]).ggufName == "qwen35")
    #expect(Pretokenizer(patterns: [RealVocabulary.pattern + "|x"]).ggufName == nil)
  }

  /// A pattern nobody has named, and even one that cannot be run, still loads, so that it can be converted.
  @Test func unknownPatternsAreKept() throws {
    let words = OrderedObject()
    for (pattern, runs) in [(#"\p{L}+|."#, true), (#"\p{Cherokee}+|\X"#, false)] {
      let tokenizer = try Tokenizer(
        tokenizerJSON: RealVocabulary.document(vocab: words, merges: [], pattern: pattern))
      #expect(tokenizer.pretokenizer.ggufName == nil)
      #expect(tokenizer.pretokenizer.patterns == [pattern])
      if runs {
        #expect(try tokenizer.encode("ab c").isEmpty)
      } else {
        #expect(throws: CheckpointError.self) { try tokenizer.encode("ab c") }
      }
    }
  }

  /// `formats/tokenizer.md` lists the names, and nothing else in that table.
  @Test func pageListsTheNames() throws {
    let page = String(decoding: try Fixtures.bytes("../formats/tokenizer.md"), as: UTF8.self)
    let table = try #require(page.split(separator: "## Names", maxSplits: 1).last).split(separator: "\n## ")[0]
    let names = table.split(separator: "\n").compactMap { line -> String? in
      guard line.hasPrefix("| `"), let end = line.dropFirst(3).firstIndex(of: "`") else { return nil }
      return String(line.dropFirst(3)[..<end])
    }
    #expect(names == Pretokenizer.knownNames)
  }
}
