import Base

/// tokenizer.json with its two large parts, vocabulary and merges, as flat lists.
///
/// As `OrderedJSON` they would be a million values, most of them with memory of their own.
package struct TokenizerDocument: Sendable {
  /// The document with an empty vocabulary and no merges.
  package private(set) var rest = OrderedJSON.null
  /// The words of `model.vocab` in the order of the file; nil when there is no such object.
  private(set) var words: TextList?
  /// The id of each word.
  private(set) var ids: [Int32] = []
  /// The score of each word, in a Unigram vocabulary.
  private(set) var scores: [Double]?
  /// Both parts of every merge in order, one after the other; nil when there is no such list.
  private(set) var merges: TextList?

  /// Whether this is a tokenizer at all.
  package var hasVocabulary: Bool { words != nil }

  /// Parses a document.
  ///
  /// - Parameters:
  ///   - bytes: the document.
  ///   - file: what to call it in errors.
  ///   - memory: what its parsed form may take.
  ///   - nonFinite: whether numbers may be NaN or infinite, as in tokenizer_config.json.
  /// - Throws: `malformed` with the offset of what breaks a rule of JSON, or for an id or a merge of another form.
  package init(
    parsing bytes: [UInt8], file: String, memory: Int = MemoryBudget.file, nonFinite: Bool = false
  ) throws(CheckpointError) {
    let result = bytes.withUnsafeBytes { view in
      Result { () throws(CheckpointError) in
        var reader = JSONReader(view, file: file, budget: MemoryBudget(memory), nonFinite: nonFinite)
        var document = TokenizerDocument()
        try document.read(&reader)
        try reader.finish()
        return document
      }
    }
    self = try result.get()
  }

  /// A document that has been parsed already.
  package init(_ json: OrderedJSON) throws(CheckpointError) {
    try self.init(parsing: json.serialized(pretty: false), file: "tokenizer.json")
  }

  private init() {}

  private mutating func read(_ reader: inout JSONReader) throws(CheckpointError) {
    guard reader.peek() == UInt8(ascii: "{") else {
      rest = try reader.value()
      return
    }
    rest = .object(
      try reader.object(depth: 0) { (reader, key) throws(CheckpointError) in
        guard key == "model", reader.peek() == UInt8(ascii: "{") else { return try reader.value(depth: 1) }
        return .object(
          try reader.object(depth: 1) { (reader, key) throws(CheckpointError) in
            switch (key, reader.peek()) {
            case ("vocab", UInt8(ascii: "{")):
              try readWords(&reader)
              return .object(OrderedObject())
            case ("vocab", UInt8(ascii: "[")):
              try readScores(&reader)
              return .array([])
            case ("merges", UInt8(ascii: "[")):
              try readMerges(&reader)
              return .array([])
            default: return try reader.value(depth: 2)
            }
          })
      })
  }

  private mutating func readWords(_ reader: inout JSONReader) throws(CheckpointError) {
    var words = TextList()
    var ids: [Int32] = []
    if try reader.begin("{", "}") {
      repeat {
        guard reader.peek() == UInt8(ascii: "\"") else { throw reader.failure("a JSON key must be a string") }
        try reader.append(to: &words)
        try reader.colon()
        var value = reader.shortInteger()
        if value == nil { value = try reader.value(depth: 3).intValue }
        guard let value, let id = Int32(exactly: value) else {
          throw CheckpointError(
            .malformed, "the id of the token \"\(words[ids.count])\" is no 32-bit number")
        }
        ids.append(id)
      } while try reader.goesOn("}", "a comma or } must follow a JSON member")
    }
    self.words = words
    self.ids = ids
  }

  /// Reads a Unigram vocabulary: pairs of a text and its score, whose places are the ids.
  private mutating func readScores(_ reader: inout JSONReader) throws(CheckpointError) {
    var words = TextList()
    var scores: [Double] = []
    func failure() -> CheckpointError {
      CheckpointError(.malformed, "the vocabulary's entry \(scores.count) is not a pair of a text and a score")
    }
    if try reader.begin("[", "]") {
      repeat {
        guard reader.peek() == UInt8(ascii: "["), try reader.begin("[", "]"), reader.peek() == UInt8(ascii: "\"") else {
          throw failure()
        }
        try reader.append(to: &words)
        guard try reader.goesOn("]", Self.afterElement), let score = try reader.value(depth: 4).doubleValue,
          try !reader.goesOn("]", Self.afterElement)
        else { throw failure() }
        scores.append(score)
      } while try reader.goesOn("]", Self.afterElement)
    }
    guard Int32(exactly: words.count) != nil else { throw failure() }
    (self.words, self.scores) = (words, scores)
    ids = (0..<words.count).map { Int32(truncatingIfNeeded: $0) }
  }

  private mutating func readMerges(_ reader: inout JSONReader) throws(CheckpointError) {
    var merges = TextList()
    if try reader.begin("[", "]") {
      repeat {
        let rank = merges.count / 2
        switch reader.peek() {
        case UInt8(ascii: "["):
          guard try reader.begin("[", "]") else { throw Self.notAMerge(rank) }
          try readPart(&reader, rank, into: &merges)
          guard try reader.goesOn("]", Self.afterElement) else { throw Self.notAMerge(rank) }
          try readPart(&reader, rank, into: &merges)
          guard try !reader.goesOn("]", Self.afterElement) else { throw Self.notAMerge(rank) }
        case UInt8(ascii: "\""):
          let text = Array(try reader.string().utf8)
          try reader.charge(Self.mergeCost + text.count)
          try Self.appendHalves(of: text[...], rank: rank, to: &merges)
        default:
          _ = try reader.value(depth: 3)
          throw Self.notAMerge(rank)
        }
      } while try reader.goesOn("]", Self.afterElement)
    }
    self.merges = merges
  }

  /// What both parts of a merge take beside their bytes.
  private static let mergeCost = 64
  private static let afterElement: StaticString = "a comma or ] must follow a JSON element"

  private func readPart(_ reader: inout JSONReader, _ rank: Int, into merges: inout TextList) throws(CheckpointError) {
    guard reader.peek() == UInt8(ascii: "\"") else {
      _ = try reader.value(depth: 4)
      throw Self.notAMerge(rank)
    }
    try reader.append(to: &merges)
  }

  private static func notAMerge(_ rank: Int) -> CheckpointError {
    CheckpointError(.malformed, "merge \(rank) is neither a text nor a pair of texts")
  }

  /// Appends the two parts of a merge that is written as one text.
  static func appendHalves(
    of text: ArraySlice<UInt8>, rank: Int, to merges: inout TextList
  ) throws(CheckpointError) {
    guard let space = text.firstIndex(of: 0x20), space > text.startIndex, space < text.endIndex - 1,
      !text[(space + 1)...].contains(0x20)
    else {
      let shown = shortened(String(decoding: text, as: UTF8.self))
      throw CheckpointError(.malformed, "merge \(rank) \"\(shown)\" is not two parts with a space between")
    }
    merges.append(utf8: text[..<space])
    merges.append(utf8: text[(space + 1)...])
  }
}
