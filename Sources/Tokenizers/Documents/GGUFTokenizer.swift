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
      let types = metadata.integers(GGUFKeys.types)?.map { Int32(clamping: $0) }
      let pieces = try GGUFPieces(metadata, count: tokens.count)
      switch kind {
      case "gpt2":
        return try Tokenizer(
          tokens: tokens, tokenTypes: types, merges: metadata.texts(GGUFKeys.merges) ?? [], pre: split,
          patterns: metadata.strings(GGUFKeys.patterns), carried: carried(), special: special)
      case "llama", "t5":
        let vocabulary = PieceVocabulary(tokens: tokens, types: types, scores: pieces.scores)
        return try Tokenizer(
          vocabulary, pieces, isUnigram: kind == "t5", carried: carried(), special: special)
      default:
        let meaning = ["bert": " (WordPiece)", "rwkv": " (RWKV)"][kind] ?? ""
        throw CheckpointError(
          .unsupported,
          "the tokenizer.ggml.model \"\(kind)\"\(meaning) is not supported; gpt2, llama and t5 are")
      }
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
  /// Builds the byte-level tokenizer of GGUF metadata.
  ///
  /// - Parameters:
  ///   - tokens: `tokenizer.ggml.tokens`.
  ///   - tokenTypes: `tokenizer.ggml.token_type`; all normal if absent.
  ///   - merges: `tokenizer.ggml.merges`.
  ///   - pre: `tokenizer.ggml.pre`; `default` if absent.
  ///   - patterns: the split patterns, where the file carries them because their name was unknown.
  ///   - carried: what the file carries of the tokenizer.json it was made from; it counts before `pre` and `patterns`.
  ///   - special: the special tokens of the metadata.
  /// - Throws: `unsupported` for a `pre` that is in no list, `malformed` and `mismatch` for contradictions.
  init(
    tokens: TextList, tokenTypes: [Int32]?, merges: TextList, pre: String?, patterns: [String]?,
    carried: CarriedTokenizer?, special: SpecialTokens
  ) throws(CheckpointError) {
    let sorted = try SortedTokens(tokens, tokenTypes, special, carried)
    let vocabulary = try sorted.vocabulary { ByteAlphabet($0) }
    let merges = try Self.parts(of: merges)
    if let carried {
      try carried.check(against: pre ?? "default")
      guard carried.form.pieces == nil else {
        throw CheckpointError(
          .mismatch, "tokenizer.ggml.model is byte-level, and the tokenizer.json that the file carries is not")
      }
      let unknown = carried.form.unknown.flatMap { vocabulary.word($0) }
      let model = try MergeModel(
        merges: merges, vocabulary: vocabulary, ignoresMerges: carried.form.ignoresMerges, unknown: unknown,
        fusesUnknown: carried.form.fusesUnknown)
      try self.init(
        vocabulary: vocabulary, model: .merges(model), addedTokens: sorted.added, normalizers: carried.form.normalizers,
        pretokenizer: carried.form.pretokenizer, special: special)
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
      model: .merges(try MergeModel(merges: merges, vocabulary: vocabulary, ignoresMerges: ignoresMerges)),
      addedTokens: sorted.added, normalizers: known?.normalizers ?? [],
      pretokenizer: Pretokenizer(patterns: patterns, ignoresMerges: ignoresMerges), special: special,
      longestFirst: true)
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
