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
    case .uint8, .int8, .bool: return start + 1
    case .uint16, .int16: return start + 2
    case .uint32, .int32, .float32: return start + 4
    case .uint64, .int64, .float64: return start + 8
    case .string(let text): return start + 8 + UInt64(text.utf8.count)
    case .bytes(let bytes): return start + 8 + UInt64(bytes.count)
    case .array(let array): return start + byteCount(array)
    }
  }

  private static func byteCount(_ array: MetadataArray) -> UInt64 {
    let count = UInt64(array.count)
    switch array {
    case .uint8, .int8, .bool: return 12 + count
    case .uint16, .int16: return 12 + 2 * count
    case .uint32, .int32, .float32: return 12 + 4 * count
    case .uint64, .int64, .float64: return 12 + 8 * count
    case .string(let texts): return 12 + 8 * count + UInt64(texts.bytes.count)
    case .array(let arrays): return arrays.reduce(12) { $0 + byteCount($1) }
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
    append(Self.type(of: value).rawValue)
    switch value {
    case .uint8(let value): append(value)
    case .int8(let value): append(value)
    case .uint16(let value): append(value)
    case .int16(let value): append(value)
    case .uint32(let value): append(value)
    case .int32(let value): append(value)
    case .uint64(let value): append(value)
    case .int64(let value): append(value)
    case .float32(let value): append(value.bitPattern)
    case .float64(let value): append(value.bitPattern)
    case .bool(let value): append(value ? 1 : 0 as UInt8)
    case .string(let value): append(value)
    case .bytes(let value):
      append(UInt64(value.count))
      bytes.append(contentsOf: value)
    case .array(let value): append(value)
    }
  }

  mutating func append(_ array: MetadataArray) {
    append(Self.type(of: array).rawValue)
    append(UInt64(array.count))
    switch array {
    case .uint8(let values): bytes.append(contentsOf: values)
    case .int8(let values): for value in values { append(value) }
    case .uint16(let values): for value in values { append(value) }
    case .int16(let values): for value in values { append(value) }
    case .uint32(let values): for value in values { append(value) }
    case .int32(let values): for value in values { append(value) }
    case .uint64(let values): for value in values { append(value) }
    case .int64(let values): for value in values { append(value) }
    case .float32(let values): for value in values { append(value.bitPattern) }
    case .float64(let values): for value in values { append(value.bitPattern) }
    case .bool(let values): for value in values { append(value ? 1 : 0 as UInt8) }
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

  private static func type(of value: MetadataValue) -> GGUFFormat.ValueType {
    switch value {
    case .uint8: .uint8
    case .int8: .int8
    case .uint16: .uint16
    case .int16: .int16
    case .uint32: .uint32
    case .int32: .int32
    case .float32: .float32
    case .bool: .bool
    case .string, .bytes: .string
    case .array: .array
    case .uint64: .uint64
    case .int64: .int64
    case .float64: .float64
    }
  }

  private static func type(of array: MetadataArray) -> GGUFFormat.ValueType {
    switch array {
    case .uint8: .uint8
    case .int8: .int8
    case .uint16: .uint16
    case .int16: .int16
    case .uint32: .uint32
    case .int32: .int32
    case .float32: .float32
    case .bool: .bool
    case .string: .string
    case .array: .array
    case .uint64: .uint64
    case .int64: .int64
    case .float64: .float64
    }
  }
}
