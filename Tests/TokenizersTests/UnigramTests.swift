import Base
import TestSupport
import Testing
import Tokenizers

/// Unigram vocabularies, replacements and Metaspace against Hugging Face `tokenizers`.
@Suite struct UnigramTests {
  private static func document(_ golden: OrderedJSON, _ variant: OrderedJSON, map: String?) -> OrderedJSON {
    let fallsBack = variant["byte_fallback"]?.boolValue == true
    var vocabulary = golden["vocab"]?.arrayValue ?? []
    if fallsBack {
      for byte in UInt8.min...UInt8.max {
        let digits = String(byte, radix: 16, uppercase: true)
        vocabulary.append(.array([.string("<0x\(byte < 16 ? "0" : "")\(digits)>"), .number(-20)]))
      }
    }
    let normalizer: OrderedJSON =
      map.map { .object(["type": .string("Precompiled"), "precompiled_charsmap": .string($0)]) } ?? .null
    return .object([
      "added_tokens": golden["added_tokens"] ?? .array([]), "normalizer": normalizer,
      "pre_tokenizer": variant["pre_tokenizer"] ?? .null, "decoder": variant["decoder"] ?? .null,
      "model": .object([
        "type": .string("Unigram"), "unk_id": .integer(0), "vocab": .array(vocabulary),
        "byte_fallback": .bool(fallsBack),
      ]),
    ])
  }

  @Test func sameIds() throws {
    let golden = try Fixtures.json("golden/tokenizer/unigram.json")
    let variants = try #require(golden["variants"]?.arrayValue)
    #expect(variants.count >= 8)
    for (place, variant) in variants.enumerated() {
      let isMapped = variant["mapped"]?.boolValue == true
      let map = isMapped ? golden["precompiled_charsmap"]?.stringValue : nil
      let tokenizer = try Tokenizer(tokenizerJSON: Self.document(golden, variant, map: map))
      for item in try #require(variant["cases"]?.arrayValue) {
        let text = try #require(item["text"]?.stringValue)
        let ids = try #require(item["ids"]?.arrayValue).compactMap { $0.intValue.map(Int32.init) }
        #expect(try tokenizer.encode(text) == ids, "variant \(place): \(text.debugDescription)")
      }
    }
  }

  /// Whatever a damaged map says, it is refused or used, and never read outside of.
  @Test func damagedMaps() throws {
    let golden = try Fixtures.json("golden/tokenizer/unigram.json")
    let variant = try #require(golden["variants"]?.arrayValue?.first { $0["mapped"]?.boolValue == true })
    let good = Array(try #require(golden["precompiled_charsmap"]?.stringValue).utf8)
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=".utf8)
    var generator = SeededGenerator(state: 9)
    var accepted = 0
    for _ in 0..<200 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...40, using: &generator) {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] =
          letters[
            Int.random(in: 0..<letters.count, using: &generator)]
      }
      if Bool.random(using: &generator) {
        bytes = Array(bytes.prefix(4 * Int.random(in: 0..<bytes.count / 4, using: &generator)))
      }
      do {
        let map = String(decoding: bytes, as: UTF8.self)
        let tokenizer = try Tokenizer(tokenizerJSON: Self.document(golden, variant, map: map))
        _ = try tokenizer.encode("ab ﬁne ①Ａ café \u{a0}  x")
        accepted += 1
      } catch {}
    }
    #expect(accepted > 0)
  }
}
