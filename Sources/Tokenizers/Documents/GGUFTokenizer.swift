import Base

/// The tokenizer in a GGUF's metadata.
package struct GGUFTokenizer: Sendable {
  let metadata: Metadata
  let file: String
  /// The name of the patterns by which text is cut; for `default`, which a file without one means, nil.
  let split: String?

  /// - Parameters:
  ///   - metadata: of the file.
  ///   - file: what to call it in errors.
  ///   - split: `tokenizer.ggml.pre`, or what stands in for it.
  package init(_ metadata: Metadata, file: String, split: String?) {
    self.metadata = metadata
    self.file = file
    self.split = split
  }

  /// Builds the tokenizer.
  ///
  /// - Throws: `missing` when there is none, `unsupported` or `malformed` for one that cannot be used.
  package func opened() throws(CheckpointError) -> Tokenizer {
    guard let kind = metadata.string(GGUFKeys.model), let tokens = metadata.texts(GGUFKeys.tokens) else {
      throw CheckpointError(
        .missing, "the file carries no tokenizer (\(GGUFKeys.model) and \(GGUFKeys.tokens))", file: file)
    }
    var special = SpecialTokens()
    for role in SpecialTokens.Role.allCases {
      if let id = metadata.int(role.ggufKey).flatMap({ Int32(exactly: $0) }) { special.ids[role] = id }
      if let key = role.ggufAddKey, let isAdded = metadata.bool(key) { special.isAdded[role] = isAdded }
    }
    do throws(CheckpointError) {
      // Counted before it is taken out of its stored type, which may be an eighth as wide.
      if case .array(let types)? = metadata[GGUFKeys.types], types.count != tokens.count {
        throw CheckpointError(
          .mismatch, "\(GGUFKeys.types) has \(types.count) entries for \(tokens.count) tokens")
      }
      return try Tokenizer(
        tokens: tokens, tokenTypes: metadata.integers(GGUFKeys.types)?.map { Int32(clamping: $0) },
        merges: metadata.texts(GGUFKeys.merges) ?? [], model: kind, pre: split,
        patterns: metadata.strings(GGUFKeys.patterns), carried: carried(), special: special)
    } catch {
      throw error.in(file: file)
    }
  }

  /// What the file carries of the tokenizer.json it was made from; nil where it carries nothing.
  private func carried() throws(CheckpointError) -> CarriedTokenizer? {
    guard let json = try document(GGUFKeys.document) else { return nil }
    return try CarriedTokenizer(json, tokenizerConfig: document(GGUFKeys.configuration))
  }

  /// A document that the file carries under a key.
  func document(_ key: String) throws(CheckpointError) -> OrderedJSON? {
    guard let text = metadata.string(key) else { return nil }
    do throws(CheckpointError) {
      return try TokenizerDocument(
        parsing: Array(text.utf8), file: file, memory: MemoryBudget.documents,
        nonFinite: key == GGUFKeys.configuration
      ).rest
    } catch {
      // The offset is one in the text, not in the file.
      throw CheckpointError(error.code, "\(key): \(error.message)", file: file)
    }
  }
}

extension Tokenizer {
  /// Builds the tokenizer of GGUF metadata.
  ///
  /// - Parameters:
  ///   - tokens: `tokenizer.ggml.tokens`.
  ///   - tokenTypes: `tokenizer.ggml.token_type`; all normal if absent.
  ///   - merges: `tokenizer.ggml.merges`.
  ///   - kind: `tokenizer.ggml.model`, which must be `gpt2`.
  ///   - pre: `tokenizer.ggml.pre`; `default` if absent.
  ///   - patterns: the split patterns, where the file carries them because their name was unknown.
  ///   - carried: what the file carries of the tokenizer.json it was made from; it counts before `pre` and `patterns`.
  ///   - special: the special tokens of the metadata.
  /// - Throws: `unsupported` for another kind of vocabulary or a `pre` that is in no list, `malformed` and `mismatch` for
  ///   contradictions.
  package init(
    tokens: TextList, tokenTypes: [Int32]? = nil, merges: TextList, model kind: String, pre: String? = nil,
    patterns: [String]? = nil, carried: CarriedTokenizer? = nil, special: SpecialTokens = SpecialTokens()
  ) throws(CheckpointError) {
    guard kind == "gpt2" else {
      let meanings = ["llama": " (SentencePiece)", "bert": " (WordPiece)", "t5": " (Unigram)", "rwkv": " (RWKV)"]
      let meaning = meanings[kind] ?? ""
      throw CheckpointError(
        .unsupported,
        "the tokenizer.ggml.model \"\(kind)\"\(meaning) is not supported; only gpt2 is")
    }
    if let tokenTypes, tokenTypes.count != tokens.count {
      throw CheckpointError(
        .mismatch, "tokenizer.ggml.token_type has \(tokenTypes.count) entries for \(tokens.count) tokens")
    }
    var words = TextList()
    words.reserve(tokens.count, bytes: tokens.bytes.count)
    var ids: [Int32] = []
    var unused: [(text: String, id: Int32)] = []
    var types: [TokenType] = []
    var added: [AddedToken] = []
    for id in tokens.indices {
      guard let number = Int32(exactly: id) else {
        throw CheckpointError(.malformed, "the vocabulary has more tokens than 32-bit ids")
      }
      guard let type = tokenTypes.map({ TokenType(rawValue: $0[id]) }) ?? .normal else {
        throw CheckpointError(.malformed, "the token \(id) has the type \(tokenTypes?[id] ?? 0), which does not exist")
      }
      types.append(type)
      switch type {
      case .unused: unused.append((tokens[id], number))
      case .control, .userDefined:
        guard !tokens.utf8(id).isEmpty else { continue }
        guard tokens.isUTF8(id) else {
          // No text holds it as it is written; it keeps its place.
          words.append(utf8: tokens.utf8(id))
          ids.append(number)
          continue
        }
        let token =
          carried?.token(number, spelled: tokens[id])
          ?? AddedToken(id: number, content: tokens[id], isSpecial: type == .control)
        // A merge may make an added token, so it is a word as well.
        words.append(token.content)
        ids.append(number)
        added.append(token)
      case .normal, .unknown, .byte:
        words.append(utf8: tokens.utf8(id))
        ids.append(number)
      }
    }
    for (role, id) in special.ids where id < 0 || id >= tokens.count {
      throw CheckpointError(
        .malformed, "\(role.ggufKey) is \(id), which is out of range: there are \(tokens.count) tokens")
    }
    let vocabulary = try Vocabulary(
      ByteAlphabet.self, words: words, ids: ids, added: added, unused: unused, types: types)
    let merges = try Self.parts(of: merges)
    if let carried {
      try carried.check(against: pre ?? "default")
      let unknown = carried.unknown.flatMap { vocabulary.word($0) }
      let model = try MergeModel(
        merges: merges, vocabulary: vocabulary, ignoresMerges: carried.ignoresMerges, unknown: unknown,
        fusesUnknown: carried.fusesUnknown)
      try self.init(
        vocabulary: vocabulary, model: model, addedTokens: added, normalizers: carried.normalizers,
        pretokenizer: carried.pretokenizer, special: special)
      return
    }
    let known = PatternNames.named(pre ?? "default")
    guard let patterns = patterns ?? known?.patterns else {
      throw CheckpointError(
        .unsupported, "the pre-tokenizer \"\(pre ?? "default")\" of tokenizer.ggml.pre is not known")
    }
    let ignoresMerges = known?.ignoresMerges ?? false
    try self.init(
      vocabulary: vocabulary,
      model: MergeModel(merges: merges, vocabulary: vocabulary, ignoresMerges: ignoresMerges), addedTokens: added,
      normalizers: known?.normalizers ?? [],
      pretokenizer: Pretokenizer(patterns: patterns, ignoresMerges: ignoresMerges), special: special)
  }

  private static func parts(of merges: TextList) throws(CheckpointError) -> TextList {
    var result = TextList()
    result.reserve(2 * merges.count, bytes: merges.bytes.count)
    for rank in merges.indices {
      try TokenizerDocument.appendHalves(of: merges.utf8(rank), rank: rank, to: &result)
    }
    return result
  }
}
