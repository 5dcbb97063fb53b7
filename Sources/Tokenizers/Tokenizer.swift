import Base

/// A byte-level BPE tokenizer: text to token ids and back.
///
/// It does what its file says, in this order: added tokens are found in the text as given; the rest is normalized; added
/// tokens that want normalized text are found; what is left is cut by the pre-tokenizer's patterns; the bytes of each word
/// are merged. A value that any number of threads may use at once.
package struct Tokenizer: Sendable {
  /// How text is cut before merging.
  package let pretokenizer: Pretokenizer
  /// The tokens found as written, by id.
  package let addedTokens: [AddedToken]
  /// The tokens with a role.
  package let special: SpecialTokens

  let vocabulary: Vocabulary
  let normalizers: [Normalizer]
  let model: MergeModel
  /// Finds all added tokens.
  private let every: AddedTokenFinders
  /// Finds those that are text.
  private let ofText: AddedTokenFinders
  let workspaces = WorkspacePool()

  init(
    vocabulary: Vocabulary, model: MergeModel, addedTokens: [AddedToken], normalizers: [Normalizer],
    pretokenizer: Pretokenizer, special: SpecialTokens
  ) throws(CheckpointError) {
    self.vocabulary = vocabulary
    self.model = model
    self.addedTokens = addedTokens
    self.normalizers = normalizers
    self.pretokenizer = pretokenizer
    self.special = special
    every = try AddedTokenFinders(addedTokens, normalizers)
    let text = addedTokens.filter { vocabulary.types[Int($0.id)] == .userDefined }
    ofText = try AddedTokenFinders(text, normalizers)
  }

  /// What finds the added tokens of a use; nil where none are looked for.
  func finders(_ use: AddedTokenUse) -> AddedTokenFinders? {
    switch use {
    case .all: every
    case .userDefined: ofText
    case .ignored: nil
    }
  }

  /// The number of ids, holes included.
  package var vocabularySize: Int { vocabulary.count }

  /// The text of each id as the file spells it; `[PAD<id>]` for ids without a token.
  package var tokens: TextList { vocabulary.texts }

  /// The id of a token by its spelling in the file.
  package func id(of token: String) -> Int32? {
    addedTokens.first { BinaryString($0.content) == BinaryString(token) }?.id ?? vocabulary.word(token)
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

  /// The text of tokens; bytes that are no UTF-8 become replacement characters.
  ///
  /// - Parameters:
  ///   - ids: the tokens.
  ///   - skipsControl: leaves control tokens out.
  /// - Returns: the text.
  package func decode(_ ids: [Int32], skipsControl: Bool = false) -> String {
    String(decoding: decodeBytes(ids, skipsControl: skipsControl), as: UTF8.self)
  }

  /// The bytes of tokens; ids that are no token have none.
  package func decodeBytes(_ ids: [Int32], skipsControl: Bool = false) -> [UInt8] {
    var result: [UInt8] = []
    for id in ids where !(skipsControl && isControl(id)) { result += vocabulary.bytes(of: id) }
    return result
  }

  /// Whether an id is a control token.
  package func isControl(_ id: Int32) -> Bool {
    vocabulary.types.indices.contains(Int(id)) && vocabulary.types[Int(id)] == .control
  }

  static func normalize(_ text: [UInt8], _ normalizers: [Normalizer]) throws(CheckpointError) -> [UInt8] {
    var text = text
    for step in normalizers { text = try step.apply(text) }
    return text
  }
}
