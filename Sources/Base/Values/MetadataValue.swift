/// One value of a GGUF's metadata, with its stored type kept so that writing it again gives the same bytes.
package enum MetadataValue: Sendable, Equatable {
  case number(MetadataNumber)
  case string(String)
  /// A text that is not UTF-8, byte for byte.
  case bytes([UInt8])
  case array(MetadataArray)

  /// A text by its bytes.
  package init(text bytes: some Collection<UInt8>) {
    self = String(validating: bytes, as: UTF8.self).map { .string($0) } ?? .bytes(Array(bytes))
  }

  // The types of which converters write most values.
  package static func uint32(_ value: UInt32) -> MetadataValue { .number(MetadataNumber(value)) }
  package static func int32(_ value: Int32) -> MetadataValue { .number(MetadataNumber(value)) }
  package static func float32(_ value: Float) -> MetadataValue { .number(MetadataNumber(value)) }
  package static func bool(_ value: Bool) -> MetadataValue { .number(MetadataNumber(value)) }

  /// An array of numbers or truth values.
  package static func list<T: MetadataElement>(_ values: [T]) -> MetadataValue {
    .array(.numbers(MetadataNumbers(values)))
  }

  /// The stored type.
  package var type: MetadataType {
    switch self {
    case .number(let number): number.type
    case .string, .bytes: .string
    case .array: .array
    }
  }

  /// The number or truth value, if it is one.
  package var number: MetadataNumber? { if case .number(let number) = self { number } else { nil } }

  /// The value as a non-negative integer, if it is one of any width.
  package var unsignedInteger: UInt64? { number?.unsignedInteger }

  /// The value as a signed integer, if it is one of any width that fits.
  package var signedInteger: Int64? { number?.signedInteger }

  /// Equal means the same type and the same bits: NaN equals itself and texts compare as UTF-8.
  package static func == (a: MetadataValue, b: MetadataValue) -> Bool {
    switch (a, b) {
    case (.number(let x), .number(let y)): x == y
    case (.string(let x), .string(let y)): x.utf8.elementsEqual(y.utf8)
    case (.bytes(let x), .bytes(let y)): x == y
    case (.array(let x), .array(let y)): x == y
    default: false
    }
  }
}

/// An array of a GGUF's metadata: one element type, stored compactly; arrays of arrays may mix theirs.
package enum MetadataArray: Sendable, Equatable {
  case numbers(MetadataNumbers)
  case string(TextList)
  case array([MetadataArray])

  /// The stored type of the elements.
  package var type: MetadataType {
    switch self {
    case .numbers(let numbers): numbers.type
    case .string: .string
    case .array: .array
    }
  }

  /// The number of elements.
  package var count: Int {
    switch self {
    case .numbers(let values): values.count
    case .string(let values): values.count
    case .array(let values): values.count
    }
  }

  /// The numbers or truth values, if it has such elements.
  package var numbers: MetadataNumbers? { if case .numbers(let numbers) = self { numbers } else { nil } }

  /// The element at an index as a value of its own.
  ///
  /// - Precondition: the index is inside `0 ..< count`.
  package subscript(index: Int) -> MetadataValue {
    switch self {
    case .numbers(let values): .number(values[index])
    case .string(let values): MetadataValue(text: values.utf8(index))
    case .array(let values): .array(values[index])
    }
  }
}
