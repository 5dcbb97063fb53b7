import Base

/// The texts, types and scores of a SentencePiece vocabulary, by id.
struct PieceVocabulary {
  var tokens: TextList
  /// See ``TokenType``; all normal if absent.
  var types: [Int32]?
  var scores: [Float]?
}

/// What GGUF metadata says of a SentencePiece vocabulary beside its tokens.
struct GGUFPieces {
  let scores: [Float]?
  let addsSpacePrefix: Bool?
  let removesExtraSpaces: Bool
  let map: CharacterMap?
  /// The ids of both parts of every merge, where the file carries them.
  let merges: [Int32]?
  /// Whether llama.cpp lets most special tokens take the white space behind them, which it decides by the model's name.
  let stripsRight: Bool

  /// - Throws: `mismatch` for scores of another number than the tokens, `malformed` for a bad map.
  init(_ metadata: Metadata, count: Int) throws(CheckpointError) {
    // Counted before it is taken out of its stored type, which may be narrower.
    if case .array(let scores)? = metadata[GGUFKeys.scores], scores.count != count {
      throw CheckpointError(.mismatch, "\(GGUFKeys.scores) has \(scores.count) entries for \(count) tokens")
    }
    scores = metadata.floats(GGUFKeys.scores)?.map { Float($0) }
    addsSpacePrefix = metadata.bool(GGUFKeys.addsSpacePrefix)
    removesExtraSpaces = metadata.bool(GGUFKeys.removesExtraSpaces) ?? false
    let map = metadata.integers(GGUFKeys.characterMap) ?? []
    self.map = map.isEmpty ? nil : try CharacterMap(map.map { UInt8(truncatingIfNeeded: $0) })
    merges = metadata.integers(GGUFKeys.pieceMerges)?.map { Int32(clamping: $0) }
    let name = metadata.string("general.name")?.lowercased() ?? ""
    stripsRight = name.contains("phi-3") || name.contains("phi3")
  }

  /// A vocabulary that merges by score, as `tokenizer.model` describes it.
  init(addsSpacePrefix: Bool, removesExtraSpaces: Bool, map: CharacterMap?) {
    (scores, merges, stripsRight) = (nil, nil, false)
    (self.addsSpacePrefix, self.removesExtraSpaces, self.map) = (addsSpacePrefix, removesExtraSpaces, map)
  }

  /// What happens to a text before it is merged.
  func normalizers(isUnigram: Bool) -> [Normalizer] {
    let map = map.map { [Normalizer.map($0, byCluster: false)] } ?? []
    return map + (removesExtraSpaces ? [.squeeze] : [])
      + Normalizer.marking(prefix: addsSpacePrefix ?? !isUnigram)
  }
}

extension Tokenizer {
  /// Builds the tokenizer of a SentencePiece vocabulary: by the merges and the tokenizer.json it carries, else as llama.cpp does.
  ///
  /// - Throws: `unsupported` or `malformed` for one that cannot be used, `mismatch` for contradictions.
  init(
    _ source: PieceVocabulary, _ pieces: GGUFPieces, isUnigram: Bool, carried: CarriedTokenizer?, special: SpecialTokens
  ) throws(CheckpointError) {
    if let carried, carried.form.pieces == nil {
      throw CheckpointError(
        .mismatch, "tokenizer.ggml.model is not byte-level, and the tokenizer.json that the file carries is")
    }
    var sorted = try SortedTokens(source.tokens, source.types, special, carried, findsUnknown: true)
    if carried == nil, pieces.stripsRight {
      sorted.changeAdded { $0.stripsRight = !["<unk>", "<s>", "<|endoftext|>"].contains($0.content) }
    }
    let vocabulary = try sorted.vocabulary { table in
      carried?.form.alphabet(table) ?? PieceAlphabet(table, byteFallback: true, marksSpaces: true)
    }
    let unknown = special[.unknown] ?? sorted.types.firstIndex(of: .unknown).flatMap { Int32(exactly: $0) }
    if let carried, let merges = pieces.merges, !isUnigram {
      let model = try MergeModel(
        merges: Self.texts(merges, vocabulary), vocabulary: vocabulary, ignoresMerges: carried.form.ignoresMerges,
        unknown: carried.form.unknown.flatMap { vocabulary.word($0) }, fusesUnknown: carried.form.fusesUnknown)
      try self.init(
        vocabulary: vocabulary, model: .merges(model), addedTokens: sorted.added, normalizers: carried.form.normalizers,
        pretokenizer: carried.form.pretokenizer, special: special, pieces: carried.form.pieces)
      return
    }
    guard let scores = source.scores else {
      throw CheckpointError(.missing, "the file has no \(GGUFKeys.scores), by which its vocabulary merges")
    }
    let model: WordModel
    if isUnigram {
      let types = sorted.types
      let values = types.indices.map { types[$0] == .userDefined ? 0 : Double(scores[$0]) }
      model = .unigram(
        try UnigramModel(scores: values, texts: source.tokens, unknown: unknown) { id in
          ![.normal, .userDefined, .unused].contains(types[id])
        })
    } else {
      model = .scores(try PieceScores(scores, source.tokens), unknown: unknown)
    }
    let normalizers = pieces.normalizers(isUnigram: isUnigram)
    let decoder = PieceDecoder(leadingSpaces: pieces.addsSpacePrefix ?? !isUnigram ? 1 : 0)
    try self.init(
      vocabulary: vocabulary, model: model, addedTokens: sorted.added, normalizers: normalizers, pretokenizer: .whole,
      special: special, pieces: decoder, longestFirst: true)
  }

  /// The texts of the parts of merges.
  private static func texts(_ merges: [Int32], _ vocabulary: Vocabulary) throws(CheckpointError) -> TextList {
    guard merges.count % 2 == 0, merges.allSatisfy({ vocabulary.texts.indices.contains(Int($0)) }) else {
      throw CheckpointError(.malformed, "\(GGUFKeys.pieceMerges) is not a list of pairs of ids of tokens")
    }
    var texts = TextList()
    var budget = MemoryBudget()
    for id in merges {
      try budget.take(vocabulary.texts.range(Int(id)).count)
      texts.append(utf8: vocabulary.texts.utf8(Int(id)))
    }
    return texts
  }
}
