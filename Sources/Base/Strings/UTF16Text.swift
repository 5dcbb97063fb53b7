/// Text in UTF-16 with a byte-order mark, as some editors and shells save it.
package struct UTF16Text: Sendable, Equatable {
  /// The same text in UTF-8, without the mark.
  package let utf8: [UInt8]
  /// `little` or `big`.
  package let byteOrder: String

  /// The text of bytes that begin with a byte-order mark of UTF-16; nil for all others.
  ///
  /// - Throws: `malformed` with the offset where half a character stands, `unsupported` for UTF-32, whose mark begins alike.
  package init?(_ bytes: [UInt8]) throws(CheckpointError) {
    if bytes.starts(with: [0xFF, 0xFE, 0, 0]) || bytes.starts(with: [0, 0, 0xFE, 0xFF]) {
      throw CheckpointError(.unsupported, "the text is UTF-32 by its byte-order mark; save it as UTF-8")
    }
    let isLittle = bytes.starts(with: [0xFF, 0xFE])
    guard isLittle || bytes.starts(with: [0xFE, 0xFF]) else { return nil }
    guard bytes.count % 2 == 0 else {
      throw CheckpointError(
        .malformed, "the text is UTF-16 by its byte-order mark, and ends within a character",
        offset: UInt64(bytes.count))
    }
    byteOrder = isLittle ? "little" : "big"
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var units = stride(from: 2, to: bytes.count, by: 2).lazy.map { place in
      isLittle
        ? UInt16(bytes[place + 1]) << 8 | UInt16(bytes[place]) : UInt16(bytes[place]) << 8 | UInt16(bytes[place + 1])
    }.makeIterator()
    var decoder = UTF16()
    var place = 2
    while true {
      switch decoder.decode(&units) {
      case .scalarValue(let scalar):
        result.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        place += 2 * UTF16.width(scalar)
      case .emptyInput:
        utf8 = result
        return
      case .error:
        throw CheckpointError(
          .malformed, "the text is UTF-16 by its byte-order mark, and half a character stands here; save it as UTF-8",
          offset: UInt64(place))
      }
    }
  }
}
