import Base

/// What a baseline says of itself: whose predictions on which texts, and how they were kept.
package struct BaselineHeader: Sendable, Equatable {
  /// A file the model was read from.
  package struct File: Sendable, Equatable {
    package var name: String
    package var bytes: UInt64
    package var sha256: String

    package init(name: String, bytes: UInt64, sha256: String) {
      self.name = name
      self.bytes = bytes
      self.sha256 = sha256
    }
  }

  /// A text, by its name and the SHA-256 of its bytes.
  package struct Text: Sendable, Equatable {
    package var name: String
    package var sha256: String
    package var windows: Int
    /// Scored positions in all of them.
    package var positions: Int
  }

  package var model: String
  /// Of all tensors but those of a vision encoder, as stored.
  package var tensorBytes: UInt64
  package var weights: UInt64
  package var vocabulary: Int
  package var files: [File]
  /// See ``TokenizerFingerprint``.
  package var tokenizer: String
  /// Tokens of a window, at most.
  package var context: Int
  package var entries: Int
  package var seed: UInt64
  package var texts: [Text]

  package var positions: Int { texts.reduce(0) { $0 + $1.positions } }

  /// The widest vocabulary that is read.
  static let largestVocabulary = 1 << 24
  /// The longest context that is read.
  static let longestContext = 1 << 24
  /// Tokens kept of a position: the likeliest at least, and a sample whose error can be told.
  package static let allowedEntries = 16...4096
  package static let usualEntries = 128
}

extension BaselineHeader {
  var json: OrderedJSON {
    .object([
      "quern": .string(quernVersion), "definitions_version": .integer(Int64(Validation.definitionsVersion)),
      "model": .object([
        "name": .string(model), "bytes": .unsigned(tensorBytes), "weights": .unsigned(weights),
        "vocabulary": .integer(Int64(vocabulary)),
        "files": .array(
          files.map {
            .object(["name": .string($0.name), "bytes": .unsigned($0.bytes), "sha256": .string($0.sha256)])
          }),
      ]),
      "tokenizer_sha256": .string(tokenizer), "context": .integer(Int64(context)),
      "entries": .integer(Int64(entries)), "seed": .unsigned(seed),
      "texts": .array(
        texts.map {
          .object([
            "name": .string($0.name), "sha256": .string($0.sha256), "windows": .integer(Int64($0.windows)),
            "positions": .integer(Int64($0.positions)),
          ])
        }),
    ])
  }

  /// Takes a header out of its document.
  ///
  /// - Throws: `malformed`, naming the key, for what is missing or cannot be.
  init(_ json: OrderedJSON) throws(CheckpointError) {
    let definitions = try Self.number(json, "definitions_version", 1...1 << 20)
    guard definitions == Validation.definitionsVersion else {
      throw CheckpointError(
        .unsupported,
        "the baseline was made with version \(definitions) of the definitions, this program has \(Validation.definitionsVersion); make it again"
      )
    }
    guard let described = json["model"] else { throw Self.failure("model", "is missing") }
    model = try Self.text(described, "name")
    tensorBytes = try Self.large(described, "bytes")
    weights = try Self.large(described, "weights")
    vocabulary = try Self.number(described, "vocabulary", RowSample.likeliestCount...Self.largestVocabulary)
    files = try Self.list(described, "files") { file throws(CheckpointError) in
      File(
        name: try Self.text(file, "name"), bytes: try Self.large(file, "bytes"), sha256: try Self.hash(file, "sha256"))
    }
    tokenizer = try Self.hash(json, "tokenizer_sha256")
    context = try Self.number(json, "context", 4...Self.longestContext)
    entries = try Self.number(json, "entries", Self.allowedEntries)
    seed = try Self.large(json, "seed")
    texts = try Self.list(json, "texts") { text throws(CheckpointError) in
      Text(
        name: try Self.text(text, "name"), sha256: try Self.hash(text, "sha256"),
        windows: try Self.number(text, "windows", 1...1 << 30),
        positions: try Self.number(text, "positions", 1...1 << 40))
    }
    guard !texts.isEmpty else { throw Self.failure("texts", "is empty") }
  }

  private static func failure(_ key: String, _ what: String) -> CheckpointError {
    CheckpointError(.malformed, "the header's \(key) \(what)")
  }

  private static func text(_ json: OrderedJSON, _ key: String) throws(CheckpointError) -> String {
    guard let value = json[key]?.stringValue else { throw failure(key, "is missing or is not a text") }
    return value
  }

  private static func hash(_ json: OrderedJSON, _ key: String) throws(CheckpointError) -> String {
    let value = try text(json, key)
    guard value.utf8.count == 64, value.utf8.allSatisfy({ isDigit($0) }) else {
      throw failure(key, "is not 64 lower-case hexadecimal digits")
    }
    return value
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
  }

  private static func number(
    _ json: OrderedJSON, _ key: String, _ bounds: ClosedRange<Int>
  ) throws(CheckpointError) -> Int {
    guard let value = json[key]?.intValue, bounds.contains(value) else {
      throw failure(key, "is not a whole number from \(bounds.lowerBound) to \(bounds.upperBound)")
    }
    return value
  }

  private static func large(_ json: OrderedJSON, _ key: String) throws(CheckpointError) -> UInt64 {
    switch json[key] {
    case .unsigned(let value): return value
    case .integer(let value) where value >= 0: return UInt64(value)
    default: throw failure(key, "is not a whole number from 0 on")
    }
  }

  private static func list<Element>(
    _ json: OrderedJSON, _ key: String, _ element: (OrderedJSON) throws(CheckpointError) -> Element
  ) throws(CheckpointError) -> [Element] {
    guard let values = json[key]?.arrayValue else { throw failure(key, "is missing or is not a list") }
    var result: [Element] = []
    for value in values { result.append(try element(value)) }
    return result
  }
}
