import Base

/// Collects the bytes of a GGUF header, little-endian.
struct GGUFEncoder {
  /// The bytes so far.
  private(set) var bytes: [UInt8] = []

  /// Makes room for so many bytes.
  init(capacity: Int) { bytes.reserveCapacity(capacity) }

  /// The bytes that a pair takes.
  static func byteCount(_ key: String, _ value: MetadataValue) -> UInt64 {
    let start = 8 + UInt64(key.utf8.count) + 4
    switch value {
    case .number(let number): return start + UInt64(number.type.width ?? 0)
    case .string(let text): return start + 8 + UInt64(text.utf8.count)
    case .bytes(let bytes): return start + 8 + UInt64(bytes.count)
    case .array(let array): return start + byteCount(array)
    }
  }

  private static func byteCount(_ array: MetadataArray) -> UInt64 {
    switch array {
    case .numbers(let numbers): 12 + UInt64(numbers.bytes.count)
    case .string(let texts): 12 + 8 * UInt64(texts.count) + UInt64(texts.bytes.count)
    case .array(let arrays): arrays.reduce(12) { $0 + byteCount($1) }
    }
  }

  mutating func append<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func append(_ text: String) {
    append(UInt64(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }

  mutating func appendMagic() {
    bytes.append(contentsOf: GGUFFormat.magic)
  }

  mutating func pad(to count: Int) {
    bytes.append(contentsOf: repeatElement(0, count: max(0, count - bytes.count)))
  }

  mutating func append(key: String, _ value: MetadataValue) {
    append(key)
    append(value.type.rawValue)
    switch value {
    case .number(let value):
      withUnsafeBytes(of: value.bits.littleEndian) { bytes.append(contentsOf: $0.prefix(value.type.width ?? 0)) }
    case .string(let value): append(value)
    case .bytes(let value):
      append(UInt64(value.count))
      bytes.append(contentsOf: value)
    case .array(let value): append(value)
    }
  }

  mutating func append(_ array: MetadataArray) {
    append(array.type.rawValue)
    append(UInt64(array.count))
    switch array {
    case .numbers(let values): bytes.append(contentsOf: values.bytes)
    case .string(let values):
      values.bytes.withUnsafeBytes { text in
        for index in values.indices {
          let range = values.range(index)
          append(UInt64(range.count))
          bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[range]))
        }
      }
    case .array(let values): for value in values { append(value) }
    }
  }
}
