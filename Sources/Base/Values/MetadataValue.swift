/// One value of a GGUF's metadata, with its stored type kept so that writing it again gives the same bytes.
package enum MetadataValue: Sendable, Equatable {
  case uint8(UInt8)
  case int8(Int8)
  case uint16(UInt16)
  case int16(Int16)
  case uint32(UInt32)
  case int32(Int32)
  case float32(Float)
  case bool(Bool)
  case string(String)
  /// A text that is not UTF-8, byte for byte.
  case bytes([UInt8])
  case array(MetadataArray)
  case uint64(UInt64)
  case int64(Int64)
  case float64(Double)

  /// A text by its bytes.
  package init(text bytes: some Collection<UInt8>) {
    self = String(validating: bytes, as: UTF8.self).map { .string($0) } ?? .bytes(Array(bytes))
  }

  /// The value as a non-negative integer, if it is one of any width.
  package var unsignedInteger: UInt64? {
    switch self {
    case .uint8(let value): UInt64(value)
    case .uint16(let value): UInt64(value)
    case .uint32(let value): UInt64(value)
    case .uint64(let value): value
    case .int8, .int16, .int32, .int64: signedInteger.flatMap { UInt64(exactly: $0) }
    case .float32, .float64, .bool, .string, .bytes, .array: nil
    }
  }

  /// The value as a signed integer, if it is one of any width that fits.
  package var signedInteger: Int64? {
    switch self {
    case .uint8(let value): Int64(value)
    case .int8(let value): Int64(value)
    case .uint16(let value): Int64(value)
    case .int16(let value): Int64(value)
    case .uint32(let value): Int64(value)
    case .int32(let value): Int64(value)
    case .int64(let value): value
    case .uint64(let value): Int64(exactly: value)
    case .float32, .float64, .bool, .string, .bytes, .array: nil
    }
  }

  /// Equal means the same type and the same bits: NaN equals itself and texts compare as UTF-8.
  package static func == (a: MetadataValue, b: MetadataValue) -> Bool {
    switch (a, b) {
    case (.uint8(let x), .uint8(let y)): x == y
    case (.int8(let x), .int8(let y)): x == y
    case (.uint16(let x), .uint16(let y)): x == y
    case (.int16(let x), .int16(let y)): x == y
    case (.uint32(let x), .uint32(let y)): x == y
    case (.int32(let x), .int32(let y)): x == y
    case (.uint64(let x), .uint64(let y)): x == y
    case (.int64(let x), .int64(let y)): x == y
    case (.bool(let x), .bool(let y)): x == y
    case (.float32(let x), .float32(let y)): x.bitPattern == y.bitPattern
    case (.float64(let x), .float64(let y)): x.bitPattern == y.bitPattern
    case (.string(let x), .string(let y)): x.utf8.elementsEqual(y.utf8)
    case (.bytes(let x), .bytes(let y)): x == y
    case (.array(let x), .array(let y)): x == y
    default: false
    }
  }
}

/// An array of a GGUF's metadata: one element type, stored compactly; arrays of arrays may mix theirs.
package enum MetadataArray: Sendable, Equatable {
  case uint8([UInt8])
  case int8([Int8])
  case uint16([UInt16])
  case int16([Int16])
  case uint32([UInt32])
  case int32([Int32])
  case float32([Float])
  case bool([Bool])
  case string(TextList)
  case array([MetadataArray])
  case uint64([UInt64])
  case int64([Int64])
  case float64([Double])

  /// The number of elements.
  package var count: Int {
    switch self {
    case .uint8(let values): values.count
    case .int8(let values): values.count
    case .uint16(let values): values.count
    case .int16(let values): values.count
    case .uint32(let values): values.count
    case .int32(let values): values.count
    case .float32(let values): values.count
    case .bool(let values): values.count
    case .string(let values): values.count
    case .array(let values): values.count
    case .uint64(let values): values.count
    case .int64(let values): values.count
    case .float64(let values): values.count
    }
  }

  /// The elements as signed integers, if they are integers that fit.
  package var integers: [Int64]? {
    switch self {
    case .uint8(let values): values.map(Int64.init)
    case .int8(let values): values.map(Int64.init)
    case .uint16(let values): values.map(Int64.init)
    case .int16(let values): values.map(Int64.init)
    case .uint32(let values): values.map(Int64.init)
    case .int32(let values): values.map(Int64.init)
    case .int64(let values): values
    case .uint64(let values): values.allSatisfy { $0 <= UInt64(Int64.max) } ? values.map { Int64($0) } : nil
    case .float32, .float64, .bool, .string, .array: nil
    }
  }

  /// The element at an index as a value of its own.
  ///
  /// - Precondition: the index is inside `0 ..< count`.
  package subscript(index: Int) -> MetadataValue {
    switch self {
    case .uint8(let values): .uint8(values[index])
    case .int8(let values): .int8(values[index])
    case .uint16(let values): .uint16(values[index])
    case .int16(let values): .int16(values[index])
    case .uint32(let values): .uint32(values[index])
    case .int32(let values): .int32(values[index])
    case .float32(let values): .float32(values[index])
    case .bool(let values): .bool(values[index])
    case .string(let values): MetadataValue(text: values.utf8(index))
    case .array(let values): .array(values[index])
    case .uint64(let values): .uint64(values[index])
    case .int64(let values): .int64(values[index])
    case .float64(let values): .float64(values[index])
    }
  }

  /// Equal means the same element type, length and bits.
  package static func == (a: MetadataArray, b: MetadataArray) -> Bool {
    switch (a, b) {
    case (.uint8(let x), .uint8(let y)): x == y
    case (.int8(let x), .int8(let y)): x == y
    case (.uint16(let x), .uint16(let y)): x == y
    case (.int16(let x), .int16(let y)): x == y
    case (.uint32(let x), .uint32(let y)): x == y
    case (.int32(let x), .int32(let y)): x == y
    case (.uint64(let x), .uint64(let y)): x == y
    case (.int64(let x), .int64(let y)): x == y
    case (.bool(let x), .bool(let y)): x == y
    case (.float32(let x), .float32(let y)):
      x.lazy.map(\.bitPattern).elementsEqual(y.lazy.map(\.bitPattern))
    case (.float64(let x), .float64(let y)):
      x.lazy.map(\.bitPattern).elementsEqual(y.lazy.map(\.bitPattern))
    case (.string(let x), .string(let y)): x == y
    case (.array(let x), .array(let y)): x == y
    default: false
    }
  }
}
