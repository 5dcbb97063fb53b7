import Base

/// SentencePiece's `tokenizer.model`: a protocol-buffers message of pieces and how they were made.
///
///     1 pieces (repeated)   1 text   2 score (float, 0)   3 type (1, as in GGUF: see TokenType)
///     2 trainer             3 model (1 Unigram, 2 BPE, 3 words, 4 characters)   24 spaces end words
///                           35 byte fallback   40 to 43 ids of unknown, beginning, end, padding (-1: none)
///     3 normalizer          2 charsmap   3 prefix (true)   4 extra spaces go (true)   5 spaces are marked (true)
package struct SentencePieceModel: Sendable {
  /// The text of each piece.
  package private(set) var texts = TextList()
  /// The score of each piece.
  package private(set) var scores: [Float] = []
  /// What each piece is.
  package private(set) var types: [TokenType] = []
  /// Whether words are cut by probabilities, and not merged by scores.
  private(set) var isUnigram = true
  private(set) var addsSpacePrefix = true
  private(set) var removesExtraSpaces = true
  private(set) var map: CharacterMap?

  /// Reads a model.
  ///
  /// - Throws: `malformed` when it is not one or contradicts itself, `unsupported` for what is not implemented.
  package init(parsing bytes: [UInt8]) throws(CheckpointError) {
    var reader = ProtobufReader(bytes[...])
    while let (number, value) = try reader.next() {
      guard case .bytes(let message) = value else { continue }
      switch number {
      case 1: try readPiece(message)
      case 2: try readTrainer(message)
      case 3: try readNormalizer(message)
      default: break
      }
    }
    guard texts.count > 0 else {
      throw CheckpointError(.malformed, "the file is not a SentencePiece model: it has no pieces")
    }
  }

  private mutating func readPiece(_ message: ArraySlice<UInt8>) throws(CheckpointError) {
    let id = texts.count
    guard Int32(exactly: id) != nil else { throw CheckpointError(.malformed, "there are more pieces than 32-bit ids") }
    var text: ArraySlice<UInt8> = []
    var score: Float = 0
    var type = TokenType.normal
    var reader = ProtobufReader(message)
    while let (number, value) = try reader.next() {
      switch (number, value) {
      case (1, .bytes(let bytes)): text = bytes
      case (2, .fixed32(let bits)): score = Float(bitPattern: bits)
      case (3, .number(let number)):
        guard let known = Int32(exactly: number).flatMap(TokenType.init) else {
          throw CheckpointError(.malformed, "the piece \(id) has the type \(number), which does not exist")
        }
        type = known
      default: break
      }
    }
    guard isUTF8(text), !text.isEmpty else {
      throw CheckpointError(.malformed, "the piece \(id) has no text in UTF-8")
    }
    guard score.isFinite else { throw CheckpointError(.malformed, "the score of the piece \(id) is \(score)") }
    texts.append(utf8: text)
    scores.append(score)
    types.append(type)
  }

  private func isUTF8(_ text: ArraySlice<UInt8>) -> Bool { text.withUnsafeBytes { Base.isUTF8($0) } }

  private mutating func readTrainer(_ message: ArraySlice<UInt8>) throws(CheckpointError) {
    var reader = ProtobufReader(message)
    while let (number, value) = try reader.next() {
      switch (number, value) {
      case (3, .number(let kind)):
        guard kind == 1 || kind == 2 else {
          throw CheckpointError(
            .unsupported, "the SentencePiece model is of kind \(kind); only 1 (Unigram) and 2 (BPE) are supported")
        }
        isUnigram = kind == 1
      case (24, .number(1...)):
        throw CheckpointError(
          .unsupported, "the SentencePiece model has spaces at the ends of words, which is not supported")
      default: break
      }
    }
  }

  private mutating func readNormalizer(_ message: ArraySlice<UInt8>) throws(CheckpointError) {
    var reader = ProtobufReader(message)
    while let (number, value) = try reader.next() {
      switch (number, value) {
      case (2, .bytes(let bytes)): map = bytes.isEmpty ? nil : try CharacterMap(Array(bytes))
      case (3, .number(let flag)): addsSpacePrefix = flag != 0
      case (4, .number(let flag)): removesExtraSpaces = flag != 0
      case (5, .number(0)):
        throw CheckpointError(.unsupported, "the SentencePiece model does not mark spaces, which is not supported")
      default: break
      }
    }
  }

  /// The vocabulary that llama.cpp's converter makes of the model and the documents beside it.
  ///
  /// - Parameters:
  ///   - rows: the number of ids.
  ///   - addedTokens: `added_tokens.json`, texts and their ids.
  ///   - tokenizerConfig: `tokenizer_config.json`, whose `added_tokens_decoder` overrides what the model says.
  ///   - listed: the `added_tokens` of tokenizer.json, which override both; nil where they do not count.
  ///   - goesByLooks: whether a token that is spelled like a control token is one.
  /// - Returns: text, type and score of every id.
  func vocabulary(
    rows: Int, addedTokens: OrderedJSON?, tokenizerConfig: OrderedJSON?, listed: [OrderedJSON]?, goesByLooks: Bool
  ) -> PieceVocabulary {
    var changes: [Int: (text: String, type: TokenType)] = [:]
    for (text, id) in addedTokens?.objectValue?.entries ?? [] {
      if let id = id.intValue { changes[id] = (text, .userDefined) }
    }
    func add(_ entry: OrderedJSON, _ id: Int?) {
      guard let id, let text = entry["content"]?.stringValue else { return }
      let isControl = entry["special"]?.boolValue ?? false || goesByLooks && TokenType.looksSpecial(text)
      let spelled = isControl || !goesByLooks ? text : Tokenizer.ggufText(text)
      changes[id] = (spelled, isControl ? .control : .userDefined)
    }
    for (key, entry) in tokenizerConfig?["added_tokens_decoder"]?.objectValue?.entries ?? [] { add(entry, Int(key)) }
    for entry in listed ?? [] { add(entry, entry["id"]?.intValue) }
    var result = PieceVocabulary(tokens: TextList(), types: [], scores: [])
    result.tokens.reserve(rows, bytes: texts.bytes.count)
    for id in 0..<rows {
      let type: TokenType
      let score: Float
      if let change = changes[id] {
        result.tokens.append(change.text)
        (type, score) = (change.type, -1000)
      } else if id < texts.count {
        result.tokens.append(utf8: texts.utf8(id))
        // The converter does not ask for user-defined pieces.
        (type, score) = (types[id] == .userDefined ? .normal : types[id], scores[id])
      } else {
        result.tokens.append("[PAD\(id)]")
        (type, score) = (.unused, -10_000)
      }
      result.types?.append(type.rawValue)
      result.scores?.append(score)
    }
    return result
  }
}

extension Tokenizer {
  /// Builds the tokenizer of a folder that has only a `tokenizer.model`: what a GGUF made of it does.
  ///
  /// - Parameters:
  ///   - model: the model.
  ///   - addedTokens: `added_tokens.json`.
  ///   - tokenizerConfig: `tokenizer_config.json`.
  ///   - modelConfig: `config.json`.
  /// - Throws: `unsupported` or `malformed` for one that cannot be used.
  package init(
    _ model: SentencePieceModel, addedTokens: OrderedJSON?, tokenizerConfig: OrderedJSON?, modelConfig: OrderedJSON?
  ) throws(CheckpointError) {
    var ids = [model.texts.count - 1]
    ids += (addedTokens?.objectValue?.entries ?? []).compactMap(\.value.intValue)
    ids += (tokenizerConfig?["added_tokens_decoder"]?.objectValue?.keys ?? []).compactMap { Int($0) }
    let highest = ids.max() ?? 0
    guard highest < 2 * model.texts.count + 65_536 else {
      throw CheckpointError(
        .malformed, "the token id \(highest) is out of range: the model has \(model.texts.count) pieces")
    }
    var source = model.vocabulary(
      rows: highest + 1, addedTokens: addedTokens, tokenizerConfig: tokenizerConfig, listed: nil, goesByLooks: true)
    var added: [AddedToken] = []
    for id in source.tokens.indices {
      let isText = id < model.types.count && model.types[id] == .userDefined
      if isText, source.types?[id] == TokenType.normal.rawValue {
        source.types?[id] = TokenType.userDefined.rawValue
      }
      let type = source.types?[id] ?? 0
      if type == TokenType.control.rawValue || type == TokenType.unknown.rawValue {
        added.append(AddedToken(id: Int32(truncatingIfNeeded: id), content: source.tokens[id], isSpecial: true))
      }
    }
    let special = SpecialTokens(
      tokenizerJSON: .null, tokenizerConfig: tokenizerConfig, modelConfig: modelConfig, added: added,
      tokenCount: source.tokens.count)
    let pieces = GGUFPieces(
      addsSpacePrefix: model.addsSpacePrefix, removesExtraSpaces: model.removesExtraSpaces, map: model.map)
    try self.init(source, pieces, isUnigram: model.isUnigram, carried: nil, special: special)
  }
}
