import Base

extension Metaspace {
  /// Reads a `Metaspace` of tokenizer.json, a pre-tokenizer or a decoder, of either dialect.
  ///
  /// - Throws: `malformed` for a replacement that is not one character, `unsupported` for an unknown scheme.
  init(_ json: OrderedJSON) throws(CheckpointError) {
    let mark = json["replacement"]?.stringValue ?? PieceAlphabet.spaceMark
    guard mark.unicodeScalars.count == 1 else {
      throw CheckpointError(.malformed, "the replacement of Metaspace, \"\(mark)\", is not one character")
    }
    let adds = json["add_prefix_space"]?.boolValue ?? true
    let name = json["prepend_scheme"]?.stringValue ?? (adds ? "always" : "never")
    guard let prefix = Prefix(rawValue: name) else {
      throw CheckpointError(.unsupported, "the prepend_scheme \"\(name)\" of Metaspace is not supported")
    }
    self.init(mark: Array(mark.utf8), prefix: prefix, splits: json["split"]?.boolValue ?? true)
  }
}

extension PieceDecoder {
  /// Reads the `decoder` of a tokenizer.json whose vocabulary is spelled in text.
  ///
  /// - Throws: `unsupported` naming what is not implemented.
  init(_ json: OrderedJSON?) throws(CheckpointError) {
    self.init(marksSpaces: false, joinsBytes: false)
    for part in json?["decoders"]?.arrayValue ?? (json.map { [$0] } ?? []) {
      let kind = part["type"]?.stringValue ?? "none"
      switch kind {
      case "Replace"
      where part["pattern"]?["String"]?.stringValue == PieceAlphabet.spaceMark
        && part["content"]?.stringValue == " ":
        marksSpaces = true
      case "ByteFallback": joinsBytes = true
      case "Fuse": break
      case "Strip" where part["content"]?.stringValue == " " && (part["stop"]?.intValue ?? 0) == 0:
        leadingSpaces = max(0, part["start"]?.intValue ?? 0)
      case "Metaspace":
        marksSpaces = true
        dropsFirstMarks = try Metaspace(part).prefix != .never
      case "ByteLevel":
        throw CheckpointError(
          .unsupported,
          "the tokenizer is not byte-level: its pre_tokenizer has no ByteLevel, though its decoder is ByteLevel")
      default:
        throw CheckpointError(.unsupported, "the decoder \"\(kind)\" is not supported")
      }
    }
  }

  /// The `decoder` of tokenizer.json.
  var json: OrderedJSON {
    var parts: [OrderedJSON] = [
      .object([
        "type": .string("Replace"), "pattern": .object(["String": .string(PieceAlphabet.spaceMark)]),
        "content": .string(" "),
      ]), .object(["type": .string("ByteFallback")]), .object(["type": .string("Fuse")]),
    ]
    if leadingSpaces > 0 {
      parts.append(
        .object([
          "type": .string("Strip"), "content": .string(" "), "start": .integer(Int64(leadingSpaces)),
          "stop": .integer(0),
        ]))
    }
    return .object(["type": .string("Sequence"), "decoders": .array(parts)])
  }
}

extension Normalizer {
  /// What llama.cpp does to text before SentencePiece merges: a space before it, if asked for, and marks for spaces.
  static func marking(prefix: Bool) -> [Normalizer] {
    let mark = PieceAlphabet.spaceMark
    return (prefix ? [.prepend(mark)] : []) + [.replace(" ", with: mark)]
  }

  /// The `normalizer` of tokenizer.json for `marking`.
  static func markingJSON(prefix: Bool) -> OrderedJSON {
    let replace = OrderedJSON.object([
      "type": .string("Replace"), "pattern": .object(["String": .string(" ")]),
      "content": .string(PieceAlphabet.spaceMark),
    ])
    guard prefix else { return replace }
    let prepend = OrderedJSON.object(["type": .string("Prepend"), "prepend": .string(PieceAlphabet.spaceMark)])
    return .object(["type": .string("Sequence"), "normalizers": .array([prepend, replace])])
  }
}

/// Bytes written in base 64.
enum Base64Text {
  /// The bytes of a text; nil when it is not lawful.
  static func bytes(_ text: String) -> [UInt8]? {
    var output: [UInt8] = []
    output.reserveCapacity(text.utf8.count / 4 * 3)
    var (bits, count, padding) = (UInt32(0), 0, 0)
    for byte in text.utf8 {
      let value: UInt8
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = byte - UInt8(ascii: "A")
      case UInt8(ascii: "a")...UInt8(ascii: "z"): value = byte - UInt8(ascii: "a") + 26
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte - UInt8(ascii: "0") + 52
      case UInt8(ascii: "+"): value = 62
      case UInt8(ascii: "/"): value = 63
      case UInt8(ascii: "="):
        padding += 1
        continue
      default: return nil
      }
      guard padding == 0 else { return nil }
      (bits, count) = (bits << 6 | UInt32(value), count + 6)
      if count >= 8 {
        count -= 8
        output.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
      }
    }
    return text.utf8.count % 4 == 0 && padding <= 2 ? output : nil
  }
}
