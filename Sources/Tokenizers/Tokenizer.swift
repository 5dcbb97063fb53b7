import Base

/// A tokenizer: text to token ids and back.
///
/// It does what its file says, in this order: added tokens are found in the text as given; the rest is normalized; added
/// tokens that want normalized text are found; what is left is cut by the pre-tokenizer's patterns; the symbols of each
/// word, which an `Alphabet` knows, are merged. A value that any number of threads may use at once.
package struct Tokenizer: Sendable {
  /// How text is cut before merging.
  package let pretokenizer: Pretokenizer
  /// The tokens found as written, by id.
  package let addedTokens: [AddedToken]
  /// The tokens with a role.
  package let special: SpecialTokens

  let vocabulary: Vocabulary
  let normalizers: [Normalizer]
  let model: WordModel
  /// How tokens that are spelled in text become text again; nil for those spelled in bytes.
  let pieces: PieceDecoder?
  /// Whether text may be cut before the marks of spaces.
  let cutsBeforeSpaces: Bool
  /// Finds all added tokens.
  private let every: AddedTokenFinders
  /// Finds those that are text.
  private let ofText: AddedTokenFinders
  let workspaces = WorkspacePool()

  init(
    vocabulary: Vocabulary, model: WordModel, addedTokens: [AddedToken], normalizers: [Normalizer],
    pretokenizer: Pretokenizer, special: SpecialTokens, pieces: PieceDecoder? = nil, longestFirst: Bool = false
  ) throws(CheckpointError) {
    self.pieces = pieces
    cutsBeforeSpaces = model.cutsBeforeSpaces(vocabulary)
    self.vocabulary = vocabulary
    self.model = model
    self.addedTokens = addedTokens
    self.normalizers = normalizers
    self.pretokenizer = pretokenizer
    self.special = special
    every = try AddedTokenFinders(addedTokens, normalizers, longestFirst)
    let text = addedTokens.filter { vocabulary.types[Int($0.id)] == .userDefined }
    ofText = try AddedTokenFinders(text, normalizers, longestFirst)
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

  /// The token that is put before a text, where the files say so.
  package var beginning: Int32? { special.isAdded[.beginning] == true ? special[.beginning] : nil }

  /// The text of each id as the file spells it; `[PAD<id>]` for ids without a token.
  package var tokens: TextList { vocabulary.texts }

  /// The id of a token by its spelling in the file.
  package func id(of token: String) -> Int32? {
    addedTokens.first { BinaryString($0.content) == BinaryString(token) }?.id ?? vocabulary.word(token)
  }

  /// The text of tokens; bytes that are not UTF-8 become replacement characters.
  ///
  /// - Parameters:
  ///   - ids: the tokens.
  ///   - skipsControl: leaves control tokens out.
  /// - Returns: the text.
  package func decode(_ ids: [Int32], skipsControl: Bool = false) -> String {
    guard let pieces else { return String(decoding: decodeBytes(ids, skipsControl: skipsControl), as: UTF8.self) }
    let shown = ids.filter { !(skipsControl && isControl($0)) }
    return String(decoding: pieces.text(of: shown, vocabulary), as: UTF8.self)
  }

  /// The bytes of tokens, as they stand within a text; ids that are not tokens have none.
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
