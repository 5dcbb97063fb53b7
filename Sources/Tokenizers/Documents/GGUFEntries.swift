import Base

/// A tokenizer written as GGUF metadata.
extension Tokenizer {
  /// The metadata of a tokenizer, in the order llama.cpp's converter writes it.
  ///
  /// `rows` are the rows of the embedding table, to which the vocabulary is padded.
  /// - Throws: `mismatch` when those are fewer.
  package func ggufEntries(
    rows: Int, chatTemplate: String?, named: [(name: String, template: String)] = []
  ) throws(CheckpointError) -> [(key: String, value: MetadataValue)] {
    var entries: [(key: String, value: MetadataValue)] = [
      (GGUFKeys.model, .string("gpt2")),
      (GGUFKeys.split, .string(pretokenizer.ggufName ?? "default")),
      (GGUFKeys.tokens, .array(.string(try ggufTokens(rows: rows)))),
      (GGUFKeys.types, .list(try ggufTokenTypes(rows: rows))),
      (GGUFKeys.merges, .array(.string(merges))),
    ]
    for role in SpecialTokens.Role.allCases {
      if let id = special[role] { entries.append((role.ggufKey, .uint32(UInt32(clamping: id)))) }
    }
    for role in SpecialTokens.Role.allCases {
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
    if pretokenizer.ggufName == nil {
      entries.append((GGUFKeys.patterns, .array(.string(TextList(pretokenizer.patterns)))))
    }
    return entries
  }

  /// The merges as GGUF stores them: both parts with a space between, a space within a part spelled `Ġ`.
  package var merges: TextList {
    let texts = vocabulary.texts
    var bytes: [UInt8] = []
    var ends: [UInt32] = []
    bytes.reserveCapacity(model.merges.count * 12)
    ends.reserveCapacity(model.merges.count)
    func add(_ part: Int32) {
      for place in texts.range(Int(part)) {
        let byte = texts.bytes[place]
        if byte == 0x20 { bytes += [0xC4, 0xA0] } else { bytes.append(byte) }
      }
    }
    for merge in model.merges {
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

  private func check(rows: Int) throws(CheckpointError) {
    guard rows >= vocabulary.count else {
      throw CheckpointError(
        .mismatch, "the vocabulary has \(vocabulary.count) tokens, the embedding only \(rows) rows")
    }
  }
}
