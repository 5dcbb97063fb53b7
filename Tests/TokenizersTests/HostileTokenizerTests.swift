import Base
import TestSupport
import Testing
import Tokenizers

/// Tokenizer files that contradict themselves or ask for what there is not: an error that names it, never a trap.
@Suite struct HostileTokenizerTests {
  private static let small: OrderedObject = ["a": .integer(0), "b": .integer(1), "ab": .integer(2)]
  private static let merge = OrderedJSON.array([.string("a"), .string("b")])

  private func expect(
    _ code: CheckpointError.Code, _ words: String, _ document: OrderedJSON, _ configuration: OrderedJSON? = nil,
    at location: SourceLocation = #_sourceLocation
  ) {
    let error = #expect(throws: CheckpointError.self, sourceLocation: location) {
      try Tokenizer(tokenizerJSON: document, tokenizerConfig: configuration)
    }
    #expect(error?.code == code, sourceLocation: location)
    #expect(error?.message.contains(words) == true, "\(error?.message ?? "")", sourceLocation: location)
  }

  private func with(_ key: String, _ value: OrderedJSON, in document: OrderedJSON) -> OrderedJSON {
    var object = document.objectValue ?? [:]
    object[key] = value
    return .object(object)
  }

  private func added(_ id: OrderedJSON, _ content: OrderedJSON) -> OrderedJSON {
    .object(["id": id, "content": content, "special": .bool(true)])
  }

  private func document(
    _ vocab: OrderedObject = small, merges: [OrderedJSON] = [merge], added: [OrderedJSON] = []
  ) -> OrderedJSON {
    RealVocabulary.document(vocab: vocab, merges: merges, added: added)
  }

  @Test func vocabularies() throws {
    #expect(try Tokenizer(tokenizerJSON: document()).encode("ab") == [2])
    expect(.malformed, "out of range", document(["a": .integer(2_000_000_000)], merges: []))
    expect(.malformed, "negative", document(["a": .integer(-1)], merges: []))
    expect(.malformed, "have the id 0", document(["a": .integer(0), "b": .integer(0)], merges: []))
    expect(.malformed, "32-bit", document(["a": .integer(.max)], merges: []))
    expect(.malformed, "32-bit", document(["a": .string("0")], merges: []))
    expect(.malformed, "32-bit", document(["a": .number(0.5)], merges: []))
    expect(.malformed, "no model", .object([:]))
    expect(.malformed, "no model", .array([]))
    expect(.malformed, "no vocab", with("model", .object(["type": .string("BPE")]), in: document()))
  }

  @Test func merges() {
    expect(.malformed, "merge 0", document(merges: [.array([.string("a"), .string("x")])]))
    expect(.malformed, "merge 0", document(merges: [.array([.string("b"), .string("a")])]))
    expect(.malformed, "occurs twice", document(merges: [Self.merge, Self.merge]))
    expect(.malformed, "neither", document(merges: [.integer(1)]))
    expect(.malformed, "neither", document(merges: [.array([.string("a")])]))
    for text in ["ab", " ab", "ab ", "a b c", "", " "] {
      expect(.malformed, "two parts", document(merges: [.string(text)]))
    }
  }

  @Test func addedTokens() {
    expect(.malformed, "out of range", document(added: [added(.integer(2_147_483_647), .string("<x>"))]))
    expect(.malformed, "no id", document(added: [added(.integer(1 << 40), .string("<x>"))]))
    expect(.malformed, "no id", document(added: [added(.integer(-5), .string("<x>"))]))
    expect(.malformed, "no content", document(added: [added(.integer(3), .null)]))
    expect(.malformed, "which is", document(added: [added(.integer(0), .string("<x>"))]))
    let token = added(.integer(3), .string("<x>"))
    expect(.malformed, "id 3", document(added: [token, added(.integer(3), .string("<y>"))]))
    expect(.malformed, "two ids", document(added: [token, added(.integer(4), .string("<x>"))]))
    let other = OrderedJSON.object(["added_tokens_decoder": .object(["3": .object(["content": .string("<z>")])])])
    expect(.malformed, "id 3", document(added: [token]), other)
    let nowhere = OrderedJSON.object(["added_tokens_decoder": .object(["x": .object(["content": .string("<z>")])])])
    expect(.malformed, "no id", document(), nowhere)
  }

  /// As the reference does: the last flags count.
  @Test func addedTwiceWithOneID() throws {
    func token(special: Bool) -> OrderedJSON {
      .object(["id": .integer(3), "content": .string("<x>"), "special": .bool(special)])
    }
    func types(_ flags: Bool...) throws -> [Int32] {
      try Tokenizer(tokenizerJSON: document(added: flags.map(token))).ggufTokenTypes(rows: 4)
    }
    #expect(try types(false, true, true) == [1, 1, 1, 3])
    #expect(try types(true, false) == [1, 1, 1, 4])
  }

  @Test func configurationCompletesAndOverrides() throws {
    let configuration = OrderedJSON.object([
      "added_tokens_decoder": .object([
        "3": .object(["content": .string("<x>"), "special": .bool(false)]),
        "5": .object(["content": .string("<y>"), "special": .bool(true)]),
      ]),
      "eos_token": .object(["content": .string("<y>")]), "bos_token": .null,
    ])
    let tokenizer = try Tokenizer(
      tokenizerJSON: document(added: [added(.integer(3), .string("<x>"))]), tokenizerConfig: configuration,
      modelConfig: .object(["bos_token_id": .null, "text_config": .object(["bos_token_id": .integer(3)])]))
    #expect(try tokenizer.encode("ab<x>a<y>") == [2, 3, 0, 5])
    #expect(try tokenizer.ggufTokens(rows: 8) == ["a", "b", "ab", "<x>", "[PAD4]", "<y>", "[PAD6]", "[PAD7]"])
    #expect(try tokenizer.ggufTokenTypes(rows: 8) == [1, 1, 1, 4, 5, 3, 5, 5])
    #expect(tokenizer.special.ids == [.end: 5, .beginning: 3])
    #expect(tokenizer.decode([2, 3, 4, 5, 7, -1, .max], skipsControl: true) == "ab<x>")
  }

  @Test func whatIsNotSupported() {
    for (model, words) in [
      (["type": .string("Unigram")], "Unigram"), (["type": .string("WordPiece")], "WordPiece"),
      (["type": .string("BPE"), "byte_fallback": .bool(true)], "SentencePiece"),
      (["type": .string("BPE"), "end_of_word_suffix": .string("</w>")], "end_of_word_suffix"),
      (["type": .string("BPE"), "dropout": .number(0.1)], "dropout"),
    ] as [(OrderedObject, String)] {
      expect(.unsupported, words, with("model", .object(model), in: document()))
    }
    let metaspace = OrderedJSON.object(["type": .string("Metaspace")])
    expect(.unsupported, "Metaspace", with("pre_tokenizer", metaspace, in: document()))
    expect(.unsupported, "not byte-level", with("pre_tokenizer", .null, in: document()))
    expect(.unsupported, "NFKC", with("normalizer", .object(["type": .string("NFKC")]), in: document()))
    expect(.unsupported, "WordPiece", with("decoder", .object(["type": .string("WordPiece")]), in: document()))
  }

  /// The tokenizer of such metadata.
  private func opened(
    _ tokens: TextList, _ types: [Int32]?, _ merges: TextList, _ model: String, _ pre: String?,
    _ others: [String: MetadataValue] = [:]
  ) throws -> Tokenizer {
    var metadata = Metadata()
    metadata[GGUFKeys.model] = .string(model)
    metadata[GGUFKeys.tokens] = .array(.string(tokens))
    if let types { metadata[GGUFKeys.types] = .list(types) }
    metadata[GGUFKeys.merges] = .array(.string(merges))
    for (key, value) in others { metadata[key] = value }
    return try GGUFTokenizer(metadata, file: "a.gguf", split: pre).opened()
  }

  @Test func metadata() throws {
    func fails(
      _ code: CheckpointError.Code, _ words: String, tokens: TextList = ["a", "b", "ab"], types: [Int32]? = nil,
      merges: TextList = [], model: String = "gpt2", pre: String? = "qwen35",
      at location: SourceLocation = #_sourceLocation
    ) {
      let error = #expect(throws: CheckpointError.self, sourceLocation: location) {
        try opened(tokens, types, merges, model, pre)
      }
      #expect(error?.code == code, sourceLocation: location)
      #expect(error?.message.contains(words) == true, "\(error?.message ?? "")", sourceLocation: location)
    }
    fails(.unsupported, "bert", model: "bert")
    fails(.missing, "tokenizer.ggml.scores", model: "llama")
    fails(.unsupported, "no-such", pre: "no-such")
    fails(.mismatch, "token_type", types: [1, 1])
    fails(.malformed, "type 9", types: [1, 1, 9])
    fails(.malformed, "occurs twice", tokens: ["a", "a"])
    fails(.malformed, "occurs twice", tokens: ["a", "<x>", "<x>"], types: [1, 3, 3])
    fails(.malformed, "two parts", merges: ["ab"])
    fails(.malformed, "not a token", merges: ["b a"])
    #expect(throws: CheckpointError.self) {
      try opened(["a", "b", "ab"], nil, [], "gpt2", nil, [SpecialTokens.Role.beginning.ggufKey: .uint32(3)])
    }
    let unnamed = try opened(
      ["a", "b", "ab"], nil, ["a b"], "gpt2", "x", [GGUFKeys.patterns: .array(.string(["..?"]))])
    #expect(try unnamed.encode("abab") == [2, 2])
    #expect(unnamed.pretokenizer.ggufName == nil)
  }

  /// Nothing in a mutated file may trap, whatever it makes of it.
  @Test func mutations() throws {
    let good = document(added: [added(.integer(3), .string("<x>"))]).serialized()
    var generator = SeededGenerator(state: 31)
    var accepted = 0
    for _ in 0..<20_000 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: bytes[place] = UInt8.random(in: 0x20...0x7E, using: &generator)
        case 1: bytes.remove(at: place)
        default: bytes.insert(bytes[Int.random(in: 0..<bytes.count, using: &generator)], at: place)
        }
      }
      guard let json = try? OrderedJSON(parsing: bytes, file: "tokenizer.json"),
        let tokenizer = try? Tokenizer(tokenizerJSON: json)
      else { continue }
      accepted += 1
      if let ids = try? tokenizer.encode("ab <x>'S 12 é\u{301}\n") { _ = tokenizer.decode(ids) }
    }
    #expect(accepted > 100)
  }
}
