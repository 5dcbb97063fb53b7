import Base

/// The tokens of a vocabulary: their texts, bytes and numbers.
struct Vocabulary: Sendable {
  /// The text of each id as its file spells it; `[PAD<id>]` where there is none.
  let texts: TextList
  /// What each id is, in GGUF's numbers.
  let types: [TokenType]
  /// The tokens that merging works with, by their spelling.
  private let table: TokenTable
  /// The ids of added tokens whose text is not spelled in the alphabet.
  private let raw: Set<Int32>
  /// Whether there is a token for each id.
  private let isToken: [Bool]
  /// What the words are spelled in.
  let alphabet: any Alphabet

  /// Builds a vocabulary.
  ///
  /// - Parameters:
  ///   - alphabet: what the words are spelled in, given where their tokens are found.
  ///   - words: the tokens merging works with, in any order.
  ///   - ids: the id of each word.
  ///   - added: the tokens found as written, by id; their ids may be among the words with the same text.
  ///   - unused: texts of ids that are not tokens, by id.
  ///   - givenTypes: what each id is, where a file says; else it follows from the flags.
  /// - Throws: `malformed` when ids repeat, are negative or leave more holes than a vocabulary has.
  init(
    _ alphabet: (TokenTable) -> any Alphabet, words: TextList, ids: [Int32], added: [AddedToken],
    unused: [(text: String, id: Int32)] = [],
    types givenTypes: [TokenType]? = nil
  ) throws(CheckpointError) {
    let highest = Int(max(ids.max() ?? -1, added.last?.id ?? -1, unused.last?.id ?? -1))
    guard highest < 2 * (words.count + added.count + unused.count) + 65_536 else {
      // Nothing is allocated by an id that the file's own size does not justify.
      throw CheckpointError(
        .malformed, "the token id \(highest) is out of range: the vocabulary has \(words.count + added.count) tokens")
    }
    table = try TokenTable(words, values: ids)
    /// Where the text of each id is: among the words, the added tokens below, the unused below those.
    var places = [Int32](repeating: Self.hole, count: highest + 1)
    var types = [TokenType](repeating: .unused, count: highest + 1)
    for (word, id) in ids.enumerated() {
      guard id >= 0 else {
        throw CheckpointError(.malformed, "the token \"\(words[word])\" has a negative id")
      }
      guard places[Int(id)] == Self.hole else {
        throw CheckpointError(.malformed, "two tokens, one of them \"\(words[word])\", have the id \(id)")
      }
      places[Int(id)] = Int32(truncatingIfNeeded: word)
      types[Int(id)] = .normal
    }
    var others = TextList()
    func add(_ text: String, _ id: Int32) {
      others.append(text)
      places[Int(id)] = -Int32(truncatingIfNeeded: others.count)
    }
    for token in added {
      let place = places[Int(token.id)]
      if place >= 0, !words.utf8(Int(place)).elementsEqual(token.content.utf8) {
        throw CheckpointError(
          .malformed,
          "the added token \"\(token.content)\" has the id \(token.id), which is \"\(words[Int(place)])\""
        )
      }
      add(token.content, token.id)
      types[Int(token.id)] = token.isSpecial || TokenType.looksSpecial(token.content) ? .control : .userDefined
    }
    isToken = places.map { $0 != Self.hole }
    for (text, id) in unused where places[Int(id)] == Self.hole { add(text, id) }
    var texts = TextList()
    texts.reserve(places.count, bytes: words.bytes.count + others.bytes.count)
    var id = 0
    while id < places.count {
      let place = Int(places[id])
      var next = id + 1
      if place >= 0 {
        // Words mostly lie in the order of their ids: whole runs are copied.
        while next < places.count, Int(places[next]) == place + next - id { next += 1 }
        texts.append(place..<place + next - id, of: words)
      } else if places[id] == Self.hole {
        texts.append("[PAD\(id)]")
      } else {
        texts.append(utf8: others.utf8(-1 - place))
      }
      id = next
    }
    self.texts = texts
    self.types = givenTypes ?? types
    self.alphabet = alphabet(table)
    raw = self.alphabet.spellsAddedTokens ? [] : Set(added.map(\.id))
  }

  private static let hole = Int32.min

  /// The number of ids.
  var count: Int { texts.count }

  /// The word of this spelling.
  func word(_ text: String) -> Int32? { table.value(of: text) }

  /// The word spelled by a range of some bytes.
  func word(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int32? { table.value(of: bytes, range) }

  /// The bytes a token stands for; none for an id that is not a token.
  func bytes(of id: Int32) -> [UInt8] {
    guard isToken.indices.contains(Int(id)), isToken[Int(id)] else { return [] }
    let text = texts[Int(id)]
    return raw.contains(id) ? Array(text.utf8) : alphabet.bytes(of: text) ?? Array(texts.utf8(Int(id)))
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
