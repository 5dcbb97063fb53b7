#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension OrderedJSON {
  /// Parses a document (RFC 8259), stricter than most: no duplicate keys, at most 128 levels, nothing behind it.
  ///
  /// - Throws: `malformed` with the byte offset of the first thing that breaks the rules.
  package init(parsing bytes: UnsafeRawBufferPointer, file: String, at base: UInt64 = 0) throws(CheckpointError) {
    var reader = JSONReader(bytes: bytes, base: base, file: file)
    reader.skipSpace()
    self = try reader.value(depth: 0)
    reader.skipSpace()
    guard reader.position == bytes.count else { throw reader.failure("text follows the end of the JSON document") }
  }

  /// Parses a document held in an array.
  package init(parsing bytes: [UInt8], file: String) throws(CheckpointError) {
    let result = bytes.withUnsafeBytes { view in
      Result { () throws(CheckpointError) in try OrderedJSON(parsing: view, file: file) }
    }
    self = try result.get()
  }
}

private struct JSONReader {
  let bytes: UnsafeRawBufferPointer
  let base: UInt64
  let file: String
  var position = 0

  static let depthLimit = 128

  func failure(_ message: String) -> CheckpointError {
    CheckpointError(.malformed, message, file: file, offset: base + UInt64(position))
  }

  var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    position += 1
    return true
  }

  mutating func value(depth: Int) throws(CheckpointError) -> OrderedJSON {
    guard depth < Self.depthLimit else { throw failure("JSON is nested deeper than \(Self.depthLimit) levels") }
    switch next {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case nil: throw failure("the JSON document ends where a value is expected")
    case let byte? where byte == UInt8(ascii: "-") || Self.isDigit(byte): return try number()
    default: throw failure("this is not the start of a JSON value")
    }
  }

  mutating func word(_ text: StaticString, _ value: OrderedJSON) throws(CheckpointError) -> OrderedJSON {
    let length = text.utf8CodeUnitCount
    let matches =
      bytes.count - position >= length
      && (0..<length).allSatisfy { bytes[position + $0] == text.utf8Start[$0] }
    guard matches else { throw failure("this is not the start of a JSON value") }
    position += length
    return value
  }

  mutating func object(depth: Int) throws(CheckpointError) -> OrderedJSON {
    position += 1
    var object = OrderedObject()
    skipSpace()
    if take(UInt8(ascii: "}")) { return .object(object) }
    while true {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw failure("a JSON key must be a string") }
      let start = position
      let key = try string()
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw failure("a colon must follow a JSON key") }
      skipSpace()
      let value = try value(depth: depth + 1)
      guard object.append(key, value) else {
        position = start
        throw failure("the JSON key \"\(printable(key))\" occurs twice in one object")
      }
      skipSpace()
      if take(UInt8(ascii: "}")) { return .object(object) }
      guard take(UInt8(ascii: ",")) else { throw failure("a comma or } must follow a JSON member") }
    }
  }

  mutating func array(depth: Int) throws(CheckpointError) -> OrderedJSON {
    position += 1
    var elements: [OrderedJSON] = []
    skipSpace()
    if take(UInt8(ascii: "]")) { return .array(elements) }
    while true {
      skipSpace()
      elements.append(try value(depth: depth + 1))
      skipSpace()
      if take(UInt8(ascii: "]")) { return .array(elements) }
      guard take(UInt8(ascii: ",")) else { throw failure("a comma or ] must follow a JSON element") }
    }
  }

  mutating func number() throws(CheckpointError) -> OrderedJSON {
    let start = position
    _ = take(UInt8(ascii: "-"))
    var isWhole = true
    let leadingZero = next == UInt8(ascii: "0")
    let digits = skipDigits()
    guard digits > 0, !(leadingZero && digits > 1) else { throw failure("this is not a JSON number") }
    if take(UInt8(ascii: ".")) {
      isWhole = false
      guard skipDigits() > 0 else { throw failure("digits must follow the point of a JSON number") }
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      isWhole = false
      position += 1
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      guard skipDigits() > 0 else { throw failure("digits must follow the exponent of a JSON number") }
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isWhole {
      if let value = Int64(text) { return .integer(value) }
      if let value = UInt64(text) { return .unsigned(value) }
    }
    guard let value = Double(text), value.isFinite else {
      position = start
      throw failure("this JSON number is out of range")
    }
    return .number(value)
  }

  static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  mutating func skipDigits() -> Int {
    let start = position
    while let byte = next, Self.isDigit(byte) { position += 1 }
    return position - start
  }

  mutating func string() throws(CheckpointError) -> String {
    position += 1
    let start = position
    // Most strings hold no escape: find the end first and copy once.
    while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { position += 1 }
    if next == UInt8(ascii: "\"") {
      let text = try text(bytes[start..<position])
      position += 1
      return text
    }
    var buffer = [UInt8](bytes[start..<position])
    while true {
      guard let byte = next else { throw failure("the JSON document ends inside a string") }
      switch byte {
      case UInt8(ascii: "\""):
        let text = try text(buffer[...])
        position += 1
        return text
      case UInt8(ascii: "\\"): try escape(into: &buffer)
      case 0..<0x20: throw failure("a JSON string holds an unescaped control character")
      default:
        buffer.append(byte)
        position += 1
      }
    }
  }

  func text(_ bytes: some Collection<UInt8>) throws(CheckpointError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw failure("a JSON string is not valid UTF-8")
    }
    return text
  }

  mutating func escape(into buffer: inout [UInt8]) throws(CheckpointError) {
    position += 1
    guard let byte = next else { throw failure("the JSON document ends inside a string") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): buffer.append(byte)
    case UInt8(ascii: "b"): buffer.append(0x08)
    case UInt8(ascii: "f"): buffer.append(0x0C)
    case UInt8(ascii: "n"): buffer.append(0x0A)
    case UInt8(ascii: "r"): buffer.append(0x0D)
    case UInt8(ascii: "t"): buffer.append(0x09)
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if (0xD800..<0xDC00).contains(code) {
        guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
          throw failure("a JSON string holds half a surrogate pair")
        }
        let low = try hexadecimal()
        guard (0xDC00..<0xE000).contains(low) else { throw failure("a JSON string holds half a surrogate pair") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw failure("a JSON string holds half a surrogate pair") }
      buffer.append(contentsOf: String(Character(scalar)).utf8)
    default: throw failure("this is not a JSON escape")
    }
  }

  mutating func hexadecimal() throws(CheckpointError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
        throw failure("four hexadecimal digits must follow \\u")
      }
      code = code << 4 | UInt32(digit)
      position += 1
    }
    return code
  }
}
