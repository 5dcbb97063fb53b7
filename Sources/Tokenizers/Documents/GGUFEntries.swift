import Base

/// A tokenizer written as GGUF metadata.
extension Tokenizer {
  /// The metadata of a tokenizer, in the order llama.cpp's converter writes it.
  ///
  /// - Parameters:
  ///   - rows: the rows of the embedding table, to which the vocabulary is padded.
  ///   - chatTemplate: the default template.
  ///   - named: other templates.
  ///   - convention: what the converter does otherwise for the family.
  ///   - documents: what else the folder says of its tokenizer.
  /// - Returns: the pairs, keys once each.
  /// - Throws: `mismatch` when the rows are fewer than the tokens, `unsupported` for a vocabulary that has no keys in GGUF.
  package func ggufEntries(
    rows: Int, chatTemplate: String?, named: [(name: String, template: String)] = [],
    convention: TokenizerConvention = .plain, documents: PieceDocuments = PieceDocuments()
  ) throws(CheckpointError) -> [(key: String, value: MetadataValue)] {
    var entries = convention.leading(documents)
    if pieces == nil {
      entries += [
        (GGUFKeys.model, .string("gpt2")),
        (GGUFKeys.split, .string(splitName)),
        (GGUFKeys.tokens, .array(.string(try ggufTokens(rows: rows)))),
        (GGUFKeys.types, .list(try ggufTokenTypes(rows: rows))),
        (GGUFKeys.merges, .array(.string(merges))),
      ]
    } else {
      entries += try pieceEntries(rows: rows, convention, documents)
    }
    for role in special.named {
      if let id = special[role] { entries.append((role.ggufKey, .uint32(UInt32(clamping: id)))) }
    }
    for role in special.told {
      if let key = role.ggufAddKey, let flag = special.isAdded[role] { entries.append((key, .bool(flag))) }
    }
    let others = named.filter { $0.name != "default" }
    if !others.isEmpty {
      entries.append((GGUFKeys.chatTemplates, .array(.string(TextList(others.map(\.name))))))
      for template in others {
        entries.append((GGUFKeys.chatTemplate(named: template.name), .string(template.template)))
      }
    }
    if let chatTemplate { entries.append((GGUFKeys.chatTemplate, .string(chatTemplate))) }
    for entry in convention.trailing(self, rows: rows) where !entries.contains(where: { $0.key == entry.key }) {
      entries.append(entry)
    }
    if pieces == nil, pretokenizer.ggufName == nil {
      entries.append((GGUFKeys.patterns, .array(.string(TextList(pretokenizer.patterns)))))
    }
    if pieces != nil, let merges = model.list?.merges {
      entries.append((GGUFKeys.pieceMerges, .list(merges.flatMap { [$0.left, $0.right] })))
    }
    return entries
  }

  /// The name of the patterns: without a beginning token converters know those of Llama 3 by another.
  private var splitName: String {
    let name = pretokenizer.ggufName ?? "default"
    return name == "llama-bpe" && special.isAdded[.beginning] != true ? "smaug-bpe" : name
  }

  /// The merges as GGUF stores them: both parts with a space between, a space within a part spelled `Ġ`.
  package var merges: TextList {
    let texts = vocabulary.texts
    var bytes: [UInt8] = []
    var ends: [UInt32] = []
    let merges = model.list?.merges ?? []
    bytes.reserveCapacity(merges.count * 12)
    ends.reserveCapacity(merges.count)
    func add(_ part: Int32) {
      for place in texts.range(Int(part)) {
        let byte = texts.bytes[place]
        if byte == 0x20 { bytes += [0xC4, 0xA0] } else { bytes.append(byte) }
      }
    }
    for merge in merges {
      add(merge.left)
      bytes.append(0x20)
      add(merge.right)
      ends.append(UInt32(truncatingIfNeeded: bytes.count))
    }
    return TextList(bytes: bytes, ends: ends)
  }

  /// The tokens as GGUF stores them, one for each row of the embedding.
  ///
  /// - Throws: `mismatch` when there are more tokens than rows.
  package func ggufTokens(rows: Int) throws(CheckpointError) -> TextList {
    try check(rows: rows)
    var result = TextList()
    let texts = vocabulary.texts
    result.reserve(rows, bytes: texts.bytes.count + 16 * (rows - texts.count))
    var copied = 0
    func copy(to end: Int) {
      result.append(copied..<end, of: texts)
      copied = end
    }
    for token in addedTokens where vocabulary.types[Int(token.id)] == .userDefined {
      copy(to: Int(token.id))
      result.append(Self.ggufText(token.content))
      copied += 1
    }
    copy(to: texts.count)
    for id in texts.count..<rows { result.append("[PAD\(id)]") }
    return result
  }

  /// A token that is text as GGUF has it: spaces are written as spaces, not in SentencePiece's spelling.
  static func ggufText(_ content: String) -> String { String(content.map { $0 == "\u{2581}" ? " " : $0 }) }

  /// The types of `ggufTokens`, in GGUF's numbers (see `TokenType`).
  ///
  /// - Throws: `mismatch` when there are more tokens than rows.
  package func ggufTokenTypes(rows: Int) throws(CheckpointError) -> [Int32] {
    try check(rows: rows)
    let padding = max(0, rows - vocabulary.count)
    return vocabulary.types.map(\.rawValue) + [Int32](repeating: TokenType.unused.rawValue, count: padding)
  }

  func check(rows: Int) throws(CheckpointError) {
    guard rows >= vocabulary.count else {
      throw CheckpointError(
        .mismatch, "the vocabulary has \(vocabulary.count) tokens, the embedding only \(rows) rows")
    }
  }
}
