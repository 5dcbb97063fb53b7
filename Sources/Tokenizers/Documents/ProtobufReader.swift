import Base

/// Reads the fields of one message of the protocol-buffers wire format.
///
/// Every length is held against what is left before anything is taken by it.
struct ProtobufReader {
  /// What a field holds.
  enum Value {
    case number(UInt64)
    case fixed32(UInt32)
    case fixed64(UInt64)
    case bytes(ArraySlice<UInt8>)
  }

  private var rest: ArraySlice<UInt8>

  /// A reader of a message, which is part of a file.
  init(_ message: ArraySlice<UInt8>) { rest = message }

  /// The next field and its number; nil at the end of the message.
  ///
  /// - Throws: `malformed` with the offset for a field that is not lawful.
  mutating func next() throws(CheckpointError) -> (number: Int, value: Value)? {
    guard !rest.isEmpty else { return nil }
    let start = rest.startIndex
    let tag = try varint()
    guard let number = Int(exactly: tag >> 3), number > 0, number < 1 << 29 else {
      throw failure("a field has the number \(tag >> 3)", start)
    }
    switch tag & 7 {
    case 0: return (number, .number(try varint()))
    case 1: return (number, .fixed64(try fixed(8)))
    case 2:
      let place = rest.startIndex
      let length = try varint()
      guard length <= UInt64(rest.count) else {
        throw failure("the field \(number) has \(length) bytes, \(rest.count) are left", place)
      }
      let bytes = rest.prefix(Int(length))
      rest = rest.dropFirst(Int(length))
      return (number, .bytes(bytes))
    case 5: return (number, .fixed32(UInt32(truncatingIfNeeded: try fixed(4))))
    default: throw failure("the field \(number) has the wire type \(tag & 7)", start)
    }
  }

  private mutating func varint() throws(CheckpointError) -> UInt64 {
    let start = rest.startIndex
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard let byte = rest.popFirst() else { throw failure("the file ends within a number", start) }
      guard shift < 63 || byte <= 1 else { break }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw failure("a number has more than 64 bits", start)
  }

  private mutating func fixed(_ count: Int) throws(CheckpointError) -> UInt64 {
    guard rest.count >= count else { throw failure("the file ends within a number", rest.startIndex) }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private func failure(_ rule: String, _ offset: Int) -> CheckpointError {
    CheckpointError(.malformed, "not a protocol-buffers message: \(rule)", offset: UInt64(offset))
  }
}
