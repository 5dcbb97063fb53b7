import Base

/// The documents of a folder that say more of a SentencePiece vocabulary than tokenizer.json.
package struct PieceDocuments: Sendable {
  /// `tokenizer.model`.
  package var model: SentencePieceModel?
  /// `added_tokens.json`.
  package var addedTokens: OrderedJSON?
  /// `tokenizer_config.json`.
  package var tokenizerConfig: OrderedJSON?
  /// The `added_tokens` of tokenizer.json.
  package var listed: [OrderedJSON] = []

  /// Nothing but what tokenizer.json says.
  package init() {}
}

/// What llama.cpp's converter does otherwise for some families.
package enum TokenizerConvention: Sendable {
  case plain
  /// The class of Llama: `add_prefix_space` is written where the configuration has it.
  case llama
  /// Gemma: no space before a text, which is said last.
  case gemma
  /// Phi-3: added tokens are taken from tokenizer.json too, and only their flags count.
  case phi3

  /// The convention of a GGUF architecture.
  package init(architecture: String) {
    switch architecture {
    case "llama", "smollm3": self = .llama
    case "gemma", "gemma2", "gemma3": self = .gemma
    case "phi3": self = .phi3
    default: self = .plain
    }
  }

  /// What is written before all other keys.
  func leading(_ documents: PieceDocuments) -> [(key: String, value: MetadataValue)] {
    guard self == .llama, let flag = documents.tokenizerConfig?["add_prefix_space"]?.boolValue else { return [] }
    return [(GGUFKeys.addsSpacePrefix, .bool(flag))]
  }

  /// What is written behind all other keys, unless it is there.
  func trailing(_ tokenizer: Tokenizer, rows: Int) -> [(key: String, value: MetadataValue)] {
    var entries: [(key: String, value: MetadataValue)] = []
    if self == .llama, rows == Self.granite, let key = SpecialTokens.Role.beginning.ggufAddKey {
      entries.append((key, .bool(false)))
    }
    // Readers put a space there where nothing is said.
    if tokenizer.pieces != nil, !tokenizer.addsSpaceMark { entries.append((GGUFKeys.addsSpacePrefix, .bool(false))) }
    return entries
  }

  /// The rows of the vocabularies that are known never to have a beginning token put before a text.
  private static let granite = 49_152
}

extension Tokenizer {
  /// Whether the mark of a space goes before a text.
  var addsSpaceMark: Bool {
    if let metaspace = pretokenizer.metaspace { return metaspace.prefix != .never }
    return normalizers.contains { if case .prepend = $0 { true } else { false } }
  }

  /// Tokens, scores and types of a SentencePiece vocabulary.
  func pieceEntries(
    rows: Int, _ convention: TokenizerConvention, _ documents: PieceDocuments
  ) throws(CheckpointError) -> [(key: String, value: MetadataValue)] {
    if case .unigram = model {
      throw CheckpointError(.unsupported, "a Unigram vocabulary cannot be written to a GGUF")
    }
    try check(rows: rows)
    let source: PieceVocabulary
    if let model = documents.model {
      source = model.vocabulary(
        rows: rows, addedTokens: documents.addedTokens, tokenizerConfig: documents.tokenizerConfig,
        listed: convention == .phi3 ? documents.listed : nil, goesByLooks: convention != .phi3)
    } else {
      source = PieceVocabulary(
        tokens: try ggufTokens(rows: rows), types: try pieceTypes(rows: rows), scores: pieceScores(rows: rows))
    }
    return [
      (GGUFKeys.model, .string("llama")), (GGUFKeys.split, .string("default")),
      (GGUFKeys.tokens, .array(.string(source.tokens))), (GGUFKeys.scores, .list(source.scores ?? [])),
      (GGUFKeys.types, .list(source.types ?? [])),
    ]
  }

  /// The types of the tokens, bytes and the unknown token told apart.
  private func pieceTypes(rows: Int) throws(CheckpointError) -> [Int32] {
    var types = try ggufTokenTypes(rows: rows)
    for id in vocabulary.texts.indices where vocabulary.types[id] == .normal {
      if PieceAlphabet.byte(of: vocabulary.texts[id]) != nil { types[id] = TokenType.byte.rawValue }
    }
    if let unknown = model.unknown { types[Int(unknown)] = TokenType.unknown.rawValue }
    return types
  }

  /// Scores by which tokens merge in the order of the list: how late each is first made.
  private func pieceScores(rows: Int) -> [Float] {
    if case .scores(let scores, _) = model {
      return scores.values + [Float](repeating: -10_000, count: max(0, rows - scores.values.count))
    }
    var scores = [Float](repeating: 0, count: rows)
    for id in vocabulary.count..<max(rows, vocabulary.count) { scores[id] = -10_000 }
    for token in addedTokens { scores[Int(token.id)] = -1000 }
    for (rank, merge) in (model.list?.merges ?? []).enumerated().reversed() {
      scores[Int(merge.result)] = -Float(rank)
    }
    return scores
  }
}
