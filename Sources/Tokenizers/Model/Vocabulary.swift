import Tensors

/// The tokens of a byte-level vocabulary: their texts, bytes and numbers.
struct Vocabulary: Sendable {
  /// The text of each id as its file spells it; `[PAD<id>]` where there is none.
  let texts: [String]
  /// What each id is, in GGUF's numbers.
  let types: [TokenType]
  /// The tokens that merging works with, by their spelling.
  private let table: TokenTable
  /// The bytes of every token, one after the other, and where each ends.
  private let arena: [UInt8]
  private let ends: [Int]
  /// The token of each single byte, or -1.
  let byteTokens: [Int32]

  /// Builds a vocabulary.
  ///
  /// - Parameters:
  ///   - words: the tokens merging works with, in any order.
  ///   - added: the tokens found as written, by id; their ids may be among the words with the same text.
  ///   - unused: texts of ids that are no token.
  ///   - givenTypes: what each id is, where a file says; else it follows from the flags.
  /// - Throws: `malformed` when ids repeat, are negative or leave more holes than a vocabulary has.
  init(
    words: [(text: String, id: Int)], added: [AddedToken], unused: [(text: String, id: Int)] = [],
    types givenTypes: [TokenType]? = nil
  ) throws(CheckpointError) {
    let highest = max(
      words.lazy.map(\.id).max() ?? -1, added.last.map { Int($0.id) } ?? -1, unused.last?.id ?? -1)
    guard highest < 2 * (words.count + added.count + unused.count) + 65_536 else {
      // Nothing is allocated by an id that the file's own size does not justify.
      throw CheckpointError(
        .malformed, "the token id \(highest) is out of range: the vocabulary has \(words.count + added.count) tokens")
    }
    var texts = [String?](repeating: nil, count: highest + 1)
    var types = [TokenType](repeating: .unused, count: highest + 1)
    var table = TokenTable(capacity: words.count)
    for (text, id) in words {
      guard id >= 0 else { throw CheckpointError(.malformed, "the token \"\(printable(text))\" has a negative id") }
      guard texts[id] == nil else {
        throw CheckpointError(.malformed, "two tokens, one of them \"\(printable(text))\", have the id \(id)")
      }
      guard table.insert(text, Int32(truncatingIfNeeded: id)) == nil else {
        throw CheckpointError(.malformed, "the token \"\(printable(text))\" occurs twice in the vocabulary")
      }
      texts[id] = text
      types[id] = .normal
    }
    var isRaw = [Bool](repeating: false, count: highest + 1)
    for token in added {
      let id = Int(token.id)
      if let other = texts[id], BinaryString(other) != BinaryString(token.content) {
        throw CheckpointError(
          .malformed,
          "the added token \"\(printable(token.content))\" has the id \(id), which is \"\(printable(other))\"")
      }
      texts[id] = token.content
      isRaw[id] = true
      types[id] = token.isSpecial || TokenType.looksSpecial(token.content) ? .control : .userDefined
    }
    var arena: [UInt8] = []
    var ends: [Int] = []
    ends.reserveCapacity(texts.count)
    for (id, text) in texts.enumerated() {
      if let text { arena += isRaw[id] ? Array(text.utf8) : ByteAlphabet.bytes(of: text) ?? Array(text.utf8) }
      ends.append(arena.count)
    }
    for (text, id) in unused where texts[id] == nil { texts[id] = text }
    self.texts = texts.enumerated().map { $1 ?? "[PAD\($0)]" }
    self.types = givenTypes ?? types
    self.table = table
    self.arena = arena
    self.ends = ends
    byteTokens = (UInt8.min...UInt8.max).map { table.value(of: ByteAlphabet.text(of: [$0])) ?? -1 }
  }

  /// The number of ids.
  var count: Int { texts.count }

  /// The word of this spelling.
  func word(_ text: String) -> Int32? { table.value(of: text) }

  /// The word of this spelling.
  func word(_ text: [UInt8]) -> Int32? { text.withUnsafeBufferPointer { table.value(of: $0) } }

  /// The bytes a token stands for; none for an id that is no token.
  func bytes(of id: Int32) -> ArraySlice<UInt8> {
    let place = Int(id)
    guard ends.indices.contains(place) else { return [] }
    return arena[(place == 0 ? 0 : ends[place - 1])..<ends[place]]
  }
}

/// What a token is, in the numbers of `tokenizer.ggml.token_type`.
package enum TokenType: Int32, Sendable {
  case normal = 1
  case unknown = 2
  case control = 3
  case userDefined = 4
  case unused = 5
  case byte = 6

  /// Whether a token is spelled like a control token, whatever its flags say.
  ///
  /// Some published tokenizers leave the flag off; converters go by the spelling too.
  static func looksSpecial(_ text: String) -> Bool {
    if ["<pad>", "<mask>", "<2mass>", "[@BOS@]"].contains(text) { return true }
    if text.hasPrefix("<|") && text.hasSuffix("|>") || text.hasPrefix("<｜") && text.hasSuffix("｜>") { return true }
    return text.hasPrefix("<unused") && text.hasSuffix(">")
  }
}
