import Base
import TestSupport
import Testing
import Tokenizers

/// tokenizer.json read flat against the same document read as ordinary JSON.
@Suite struct TokenizerDocumentTests {
  private func document(_ model: String) -> [UInt8] {
    Array(#"{"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},"model":{"type":"BPE",\#(model)}}"#.utf8)
  }

  private func expect(_ words: String, _ model: String, at location: SourceLocation = #_sourceLocation) {
    let error = #expect(throws: CheckpointError.self, sourceLocation: location) {
      try Tokenizer(TokenizerDocument(parsing: document(model), file: "tokenizer.json"))
    }
    #expect(error?.message.contains(words) == true, "\(error?.message ?? "")", sourceLocation: location)
  }

  @Test func rules() {
    expect("occurs twice", #""vocab":{"a":0,"a":1},"merges":[]"#)
    expect("occurs twice", #""vocab":{"a":0},"vocab":{"b":0},"merges":[]"#)
    expect("colon", #""vocab":{"a" 0},"merges":[]"#)
    expect("key must be a string", #""vocab":{1:0},"merges":[]"#)
    expect("comma", #""vocab":{"a":0 "b":1},"merges":[]"#)
    expect("not a JSON number", #""vocab":{"a":01},"merges":[]"#)
    expect("32-bit", #""vocab":{"a":12345678901234567890},"merges":[]"#)
    expect("32-bit", #""vocab":{"a":{}},"merges":[]"#)
    expect("neither", #""vocab":{"a":0},"merges":[["a","a","a"]]"#)
    expect("neither", #""vocab":{"a":0},"merges":[[]]"#)
    expect("no merges", #""vocab":{"a":0},"merges":null"#)
    expect("no vocab", #""vocab":[],"merges":[]"#)
    expect("control character", "\"vocab\":{\"a\nb\":0},\"merges\":[]")
    expect("nested deeper", #""vocab":{"a":"# + String(repeating: "[", count: 200))
    let bad = Array("{\"model\":{\"vocab\":{\"".utf8) + [0xC3, 0x28] + Array("\":0}}}".utf8)
    #expect(throws: CheckpointError.self) { try TokenizerDocument(parsing: bad, file: "tokenizer.json") }
  }

  @Test func aLimitOfMemoryHolds() throws {
    let words = (0..<100).map { "\"\($0)\":\($0)" }.joined(separator: ",")
    let bytes = document("\"vocab\":{\(words)},\"merges\":[]")
    _ = try TokenizerDocument(parsing: bytes, file: "tokenizer.json", memory: 8 << 10)
    let error = #expect(throws: CheckpointError.self) {
      try TokenizerDocument(parsing: bytes, file: "tokenizer.json", memory: 2 << 10)
    }
    #expect(error?.message.contains("MiB of memory") == true)
  }

  /// Escapes, spaces and texts for pairs, as other programs write them.
  @Test func otherSpellings() throws {
    let model = #"""
      "vocab" : { "a":0 ,"\u0062" : 1,"ab":2.0, "\"" :3, "Ġ": 4, "aĠ": 5 },
        "merges":[ "a b" , ["a", "\u0120"]]
      """#
    let tokenizer = try Tokenizer(TokenizerDocument(parsing: document(model), file: "tokenizer.json"))
    #expect(Array(tokenizer.tokens) == ["a", "b", "ab", "\"", "Ġ", "aĠ"])
    #expect(Array(tokenizer.merges) == ["a b", "a Ġ"])
    #expect(try tokenizer.encode("ab\"") == [2, 3])
  }

  /// What one reader refuses, the other refuses too; what both take is the same.
  @Test func mutations() throws {
    let good = try Fixtures.json("tiny-qwen3.5/tokenizer.json").serialized(pretty: true)
    var mutator = Mutator(seed: 11)
    var accepted = 0
    for round in 0..<300 {
      let bytes = mutator.mutate(good)
      let plain = Result { () throws(CheckpointError) in try OrderedJSON(parsing: bytes, file: "plain") }
      let flat = Result { () throws(CheckpointError) in
        try Tokenizer(TokenizerDocument(parsing: bytes, file: "flat"))
      }
      guard let tokenizer = try? flat.get() else { continue }
      accepted += 1
      let model = try #require(try plain.get()["model"], "round \(round)")
      for (word, id) in try #require(model["vocab"]?.objectValue).entries {
        #expect(tokenizer.tokens[try #require(id.intValue)].utf8.elementsEqual(word.utf8), "round \(round)")
      }
      #expect(tokenizer.merges.count == model["merges"]?.arrayValue?.count)
    }
    #expect(accepted > 0 && accepted < 300)
  }
}
