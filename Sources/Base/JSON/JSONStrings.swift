/// Strings: found eight bytes at a time, taken as they stand unless they hold an escape.
extension JSONReader {
  /// Appends the next string to a list.
  package mutating func append(to list: inout TextList) throws(CheckpointError) {
    try openQuote()
    let start = position
    let isASCII = skipPlain()
    if next == UInt8(ascii: "\"") {
      let text = UnsafeRawBufferPointer(rebasing: bytes[start..<position])
      guard isASCII || isUTF8(text) else { throw failure(Self.notUTF8) }
      position += 1
      try charge(JSONCost.listed(text.count))
      list.append(utf8: text)
      return
    }
    let text = try escaped(from: start)
    try charge(JSONCost.listed(text.count))
    list.append(utf8: text[...])
  }

  /// The next string.
  package mutating func string() throws(CheckpointError) -> String {
    try openQuote()
    let start = position
    _ = skipPlain()
    if next == UInt8(ascii: "\"") {
      try charge(JSONCost.text(position - start))
      guard let text = String(validating: bytes[start..<position], as: UTF8.self) else { throw failure(Self.notUTF8) }
      position += 1
      return text
    }
    let text = try escaped(from: start)
    try charge(JSONCost.text(text.count))
    return String(decoding: text, as: UTF8.self)
  }

  private static let notUTF8 = "a JSON string is not valid UTF-8"

  private mutating func openQuote() throws(CheckpointError) {
    skipSpace()
    guard take(UInt8(ascii: "\"")) else { throw failure("a JSON string must be here") }
  }

  /// Moves to the first quote, backslash or control character; tells whether all before it is ASCII.
  @inline(__always)
  private mutating func skipPlain() -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let tops: UInt64 = 0x8080_8080_8080_8080
    var high: UInt64 = 0
    while position + 8 <= bytes.count {
      let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
      let quote = word ^ (ones &* 0x22)
      let backslash = word ^ (ones &* 0x5C)
      // The lowest flag is exact; those above it may be carries.
      let flags =
        ((quote &- ones) & ~quote | (backslash &- ones) & ~backslash | (word &- ones &* 0x20) & ~word) & tops
      if flags != 0 {
        let count = flags.trailingZeroBitCount >> 3
        high |= word & ((1 << UInt64(truncatingIfNeeded: count << 3)) &- 1)
        position += count
        return high & tops == 0
      }
      high |= word
      position += 8
    }
    while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
      high |= UInt64(byte)
      position += 1
    }
    return high & tops == 0
  }

  /// The bytes of a string with escapes, from where they begin; the reader stands at the first that is not plain.
  private mutating func escaped(from start: Int) throws(CheckpointError) -> [UInt8] {
    var buffer = [UInt8](bytes[start..<position])
    while true {
      guard let byte = next else { throw failure("the JSON document ends inside a string") }
      switch byte {
      case UInt8(ascii: "\""):
        guard buffer.withUnsafeBytes({ isUTF8($0) }) else { throw failure(Self.notUTF8) }
        position += 1
        return buffer
      case UInt8(ascii: "\\"): try escape(into: &buffer)
      case 0..<0x20: throw failure("a JSON string holds an unescaped control character")
      default:
        buffer.append(byte)
        position += 1
      }
    }
  }

  private mutating func escape(into buffer: inout [UInt8]) throws(CheckpointError) {
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

  private mutating func hexadecimal() throws(CheckpointError) -> UInt32 {
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
