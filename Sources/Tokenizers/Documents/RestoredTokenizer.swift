import Base

/// The way back: the documents of a tokenizer from GGUF metadata.
extension GGUFTokenizer {
  private var tokens: TextList { metadata.texts(GGUFKeys.tokens) ?? [] }
  private var types: [TokenType?] {
    (metadata.integers(GGUFKeys.types) ?? []).map { TokenType(rawValue: Int32(clamping: $0)) }
  }

  /// `tokenizer.json`: what the file carries of the original around the vocabulary and merges, else a byte-level BPE.
  ///
  /// Written without being built: as JSON values a vocabulary would take ten times its text.
  package func tokenizerJSON() throws(CheckpointError) -> [UInt8] {
    let tokens = tokens
    if let id = tokens.indices.first(where: { !tokens.isUTF8($0) }) {
      let text = tokens.utf8(id).withUnsafeBytes { textWithBytesShown($0) }
      throw CheckpointError(
        .unsupported,
        "the token \(id) (\(text)) is not UTF-8, and tokenizer.json holds nothing else",
        file: file)
    }
    // Opening it checks that tokens, types and merges belong together.
    let tokenizer = try opened()
    let carried = try document(GGUFKeys.document)?.objectValue
    var document: OrderedObject
    if let carried {
      document = carried
    } else {
      document = try tokenizer.pieces == nil ? skeleton(tokenizer) : pieceSkeleton(tokenizer)
    }
    var model = document["model"]?.objectValue ?? OrderedObject()
    for key in ["vocab", "merges"] { model[key] = .null }
    document["model"] = .object(OrderedObject())
    // In a SentencePiece vocabulary added tokens are pieces as well.
    let added = try tokenizer.pieces == nil ? addedIDs(document) : []
    var bytes: [UInt8] = []
    var stream = JSONStream { bytes += $0 }
    try stream.object { (stream) throws(CheckpointError) in
      for (key, value) in document.entries {
        stream.key(key)
        guard key == "model" else {
          stream.value(value)
          continue
        }
        try stream.object { (stream) throws(CheckpointError) in
          for (key, value) in model.entries {
            stream.key(key)
            switch key {
            case "vocab": try writeVocabulary(added, tokenizer, to: &stream)
            case "merges": try writeMerges(tokenizer, to: &stream)
            default: stream.value(value)
            }
          }
        }
      }
    }
    stream.finish()
    return bytes
  }

  private func writeVocabulary(_ added: Set<Int>, _ tokenizer: Tokenizer, to stream: inout JSONStream)
    throws(CheckpointError)
  {
    let tokens = tokenizer.pieces == nil ? tokens : tokenizer.tokens
    let types = types
    try stream.object { (stream) throws(CheckpointError) in
      for id in tokens.indices {
        let isUnused = id < types.count && types[id] == .unused
        if isUnused || added.contains(id) { continue }
        stream.key(tokens[id])
        stream.value(Int64(id))
        try checkLength(stream)
      }
    }
  }

  private func writeMerges(_ tokenizer: Tokenizer, to stream: inout JSONStream) throws(CheckpointError) {
    guard tokenizer.pieces == nil else { return try writePieceMerges(tokenizer, to: &stream) }
    let merges = metadata.texts(GGUFKeys.merges) ?? []
    try stream.array { (stream) throws(CheckpointError) in
      for rank in merges.indices {
        // A merge has exactly one space, which parts its two halves.
        let halves = merges.utf8(rank).split(separator: 0x20, maxSplits: 1)
        stream.element()
        try stream.array { (stream) throws(CheckpointError) in
          for half in halves {
            stream.element()
            stream.value(String(decoding: half, as: UTF8.self))
          }
        }
        try checkLength(stream)
      }
    }
  }

  /// Writes the merges of a SentencePiece vocabulary: those it carries, else those that its scores stand for.
  private func writePieceMerges(_ tokenizer: Tokenizer, to stream: inout JSONStream) throws(CheckpointError) {
    let texts = tokenizer.tokens
    var pairs = (tokenizer.model.list?.merges ?? []).map { (left: $0.left, right: $0.right) }
    if case .scores(let scores, _) = tokenizer.model {
      guard scores.longest <= Self.longestPiece else {
        throw CheckpointError(
          .unsupported, "a token has more than \(Self.longestPiece) bytes: its merges cannot be listed", file: file)
      }
      pairs = scores.merges(tokenizer.vocabulary) { tokenizer.vocabulary.types[Int($0)] == .normal }
    }
    try stream.array { (stream) throws(CheckpointError) in
      for pair in pairs {
        stream.element()
        try stream.array { (stream) throws(CheckpointError) in
          for part in [pair.left, pair.right] {
            stream.element()
            stream.value(texts[Int(part)])
          }
        }
        try checkLength(stream)
      }
    }
  }

  /// Every way to cut a token in two is tried.
  private static let longestPiece = 1024

  /// Refuses to write what would not be read again.
  private func checkLength(_ stream: JSONStream) throws(CheckpointError) {
    guard stream.count > MemoryBudget.longestTokenizer else { return }
    throw CheckpointError(
      .unsupported,
      "the tokenizer.json of this vocabulary would have more than \(MemoryBudget.longestTokenizer) bytes",
      file: file)
  }

  /// `tokenizer_config.json` for a file that does not carry the original.
  package func configurationJSON() throws(CheckpointError) -> OrderedJSON {
    var document = OrderedObject()
    let tokens = tokens
    if let key = SpecialTokens.Role.beginning.ggufAddKey, let flag = metadata.bool(key) {
      document["add_bos_token"] = .bool(flag)
    }
    var decoder = OrderedObject()
    for token in try addedTokens(tokens) {
      var entry = token.json
      entry["id"] = nil
      decoder.append(String(token.id), .object(entry))
    }
    document["added_tokens_decoder"] = .object(decoder)
    for role in [SpecialTokens.Role.beginning, .end, .padding, .unknown] {
      let id = metadata.uint(role.ggufKey).flatMap { Int(exactly: $0) }
      document["\(role.rawValue)_token"] = id.flatMap { $0 < tokens.count ? .string(tokens[$0]) : nil } ?? .null
    }
    let isSpelledInBytes = metadata.string(GGUFKeys.model) == "gpt2"
    document["tokenizer_class"] = .string(isSpelledInBytes ? "Qwen2Tokenizer" : "PreTrainedTokenizerFast")
    return .object(document)
  }

  private func skeleton(_ tokenizer: Tokenizer) throws(CheckpointError) -> OrderedObject {
    let added = try addedTokens(tokens).map { OrderedJSON.object($0.json) }
    return [
      "version": .string("1.0"), "truncation": .null, "padding": .null,
      "added_tokens": .array(added),
      "normalizer": tokenizer.normalizers == [.nfc] ? .object(["type": .string("NFC")]) : .null,
      "pre_tokenizer": tokenizer.pretokenizer.json, "post_processor": .null, "decoder": Pretokenizer.byteLevel,
      "model": .object([
        "type": .string("BPE"), "dropout": .null, "unk_token": .null, "continuing_subword_prefix": .null,
        "end_of_word_suffix": .null, "fuse_unk": .bool(false), "byte_fallback": .bool(false),
        "ignore_merges": .bool(tokenizer.model.ignoresMerges),
      ]),
    ]
  }

  /// The document around a SentencePiece vocabulary whose file carries none.
  private func pieceSkeleton(_ tokenizer: Tokenizer) throws(CheckpointError) -> OrderedObject {
    guard case .scores = tokenizer.model, metadata[GGUFKeys.characterMap] == nil else {
      throw CheckpointError(
        .unsupported, "a tokenizer.json for a Unigram vocabulary or one with replacements cannot be written", file: file
      )
    }
    let added = try addedTokens(tokens).map { OrderedJSON.object($0.json) }
    let unknown = tokenizer.model.unknown.map { OrderedJSON.string(tokens[Int($0)]) } ?? .null
    return [
      "version": .string("1.0"), "truncation": .null, "padding": .null, "added_tokens": .array(added),
      "normalizer": Normalizer.markingJSON(prefix: tokenizer.addsSpaceMark), "pre_tokenizer": .null,
      "post_processor": .null, "decoder": tokenizer.pieces?.json ?? .null,
      "model": .object([
        "type": .string("BPE"), "dropout": .null, "unk_token": unknown, "continuing_subword_prefix": .null,
        "end_of_word_suffix": .null, "fuse_unk": .bool(true), "byte_fallback": .bool(true),
        "ignore_merges": .bool(false),
      ]),
    ]
  }

  /// Tokens whose GGUF type says that they are found as written.
  private func addedTokens(_ tokens: TextList) throws(CheckpointError) -> [(id: Int, json: OrderedObject)] {
    let types = types
    let ids = types.indices.filter { types[$0] == .control || types[$0] == .userDefined }
    guard ids.count <= Self.mostAdded else {
      throw CheckpointError(
        .unsupported, "\(ids.count) tokens are control or user-defined ones; at most \(Self.mostAdded) can be restored",
        file: file)
    }
    return ids.filter { $0 < tokens.count }.map { id in
      (
        id,
        [
          "id": .integer(Int64(id)), "content": .string(tokens[id]), "single_word": .bool(false),
          "lstrip": .bool(false), "rstrip": .bool(false), "normalized": .bool(false),
          "special": .bool(types[id] == .control),
        ]
      )
    }
  }

  /// Each becomes a dozen JSON values, twice.
  private static let mostAdded = 1 << 16

  /// The ids that a document lists as added, in itself or in the carried tokenizer configuration.
  private func addedIDs(_ document: OrderedObject) throws(CheckpointError) -> Set<Int> {
    var ids = Set((document["added_tokens"]?.arrayValue ?? []).compactMap { $0["id"]?.intValue })
    let configuration = try self.document(GGUFKeys.configuration)
    ids.formUnion((configuration?["added_tokens_decoder"]?.objectValue?.keys ?? []).compactMap { Int($0) })
    return ids
  }
}
