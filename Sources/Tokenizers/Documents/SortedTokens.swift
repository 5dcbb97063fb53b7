import Base

/// The tokens of GGUF metadata, sorted by what they are.
struct SortedTokens {
  /// The tokens merging works with.
  private(set) var words = TextList()
  /// The id of each word.
  private(set) var ids: [Int32] = []
  /// Texts of ids that are not tokens.
  private(set) var unused: [(text: String, id: Int32)] = []
  private(set) var types: [TokenType] = []
  /// The tokens found as written.
  private(set) var added: [AddedToken] = []

  /// - Parameters:
  ///   - tokens: the text of each id.
  ///   - tokenTypes: the type of each id; all normal if absent.
  ///   - special: the special tokens, whose ids have to be those of tokens.
  ///   - carried: the tokenizer.json the file carries, whose flags of added tokens count.
  ///   - findsUnknown: whether the unknown token is found as written too.
  /// - Throws: `malformed` and `mismatch` for contradictions.
  init(
    _ tokens: TextList, _ tokenTypes: [Int32]?, _ special: SpecialTokens, _ carried: CarriedTokenizer?,
    findsUnknown: Bool = false
  ) throws(CheckpointError) {
    if let tokenTypes, tokenTypes.count != tokens.count {
      throw CheckpointError(
        .mismatch, "tokenizer.ggml.token_type has \(tokenTypes.count) entries for \(tokens.count) tokens")
    }
    words.reserve(tokens.count, bytes: tokens.bytes.count)
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
      case .unknown where findsUnknown && tokens.isUTF8(id) && !tokens.utf8(id).isEmpty:
        add(carried?.token(number, spelled: tokens[id]) ?? AddedToken(id: number, content: tokens[id], isSpecial: true))
      case .control, .userDefined:
        guard !tokens.utf8(id).isEmpty else { continue }
        guard tokens.isUTF8(id) else {
          // No text holds it as it is written; it keeps its place.
          words.append(utf8: tokens.utf8(id))
          ids.append(number)
          continue
        }
        add(
          carried?.token(number, spelled: tokens[id])
            ?? AddedToken(id: number, content: tokens[id], isSpecial: type == .control))
      case .normal, .unknown, .byte:
        words.append(utf8: tokens.utf8(id))
        ids.append(number)
      }
    }
    for (role, id) in special.ids where id < 0 || id >= tokens.count {
      throw CheckpointError(
        .malformed, "\(role.ggufKey) is \(id), which is out of range: there are \(tokens.count) tokens")
    }
  }

  /// Adds a token that is found as written; a merge may make it, so it is a word as well.
  private mutating func add(_ token: AddedToken) {
    words.append(token.content)
    ids.append(token.id)
    added.append(token)
  }

  /// Changes the flags of the added tokens.
  mutating func changeAdded(_ change: (inout AddedToken) -> Void) {
    for place in added.indices { change(&added[place]) }
  }

  /// The vocabulary of the tokens.
  func vocabulary(_ alphabet: (TokenTable) -> any Alphabet) throws(CheckpointError) -> Vocabulary {
    try Vocabulary(alphabet, words: words, ids: ids, added: added, unused: unused, types: types)
  }
}
