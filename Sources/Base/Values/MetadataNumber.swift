/// The type of a metadata value, by the number GGUF gives it.
package enum MetadataType: UInt32, Sendable {
  case uint8 = 0
  case int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64

  /// The bytes of one number or truth value; nil for texts and arrays, which have no length of their own.
  package var width: Int? {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    case .string, .array: nil
    }
  }

  package var isInteger: Bool { width != nil && ![.float32, .float64, .bool].contains(self) }

  fileprivate var isSigned: Bool { [.int8, .int16, .int32, .int64].contains(self) }
}

/// What a number of metadata is in the program.
package protocol MetadataElement: Sendable {
  static var metadataType: MetadataType { get }
  /// The value in 64 bits: as it is stored, those of a signed integer continued with its sign.
  var metadataBits: UInt64 { get }
  init(metadataBits: UInt64)
}

extension MetadataElement where Self: FixedWidthInteger {
  package var metadataBits: UInt64 { UInt64(truncatingIfNeeded: self) }
  package init(metadataBits: UInt64) { self.init(truncatingIfNeeded: metadataBits) }
}

extension UInt8: MetadataElement { package static var metadataType: MetadataType { .uint8 } }
extension Int8: MetadataElement { package static var metadataType: MetadataType { .int8 } }
extension UInt16: MetadataElement { package static var metadataType: MetadataType { .uint16 } }
extension Int16: MetadataElement { package static var metadataType: MetadataType { .int16 } }
extension UInt32: MetadataElement { package static var metadataType: MetadataType { .uint32 } }
extension Int32: MetadataElement { package static var metadataType: MetadataType { .int32 } }
extension UInt64: MetadataElement { package static var metadataType: MetadataType { .uint64 } }
extension Int64: MetadataElement { package static var metadataType: MetadataType { .int64 } }

extension Float: MetadataElement {
  package static var metadataType: MetadataType { .float32 }
  package var metadataBits: UInt64 { UInt64(bitPattern) }
  package init(metadataBits: UInt64) { self.init(bitPattern: UInt32(truncatingIfNeeded: metadataBits)) }
}

extension Double: MetadataElement {
  package static var metadataType: MetadataType { .float64 }
  package var metadataBits: UInt64 { bitPattern }
  package init(metadataBits: UInt64) { self.init(bitPattern: metadataBits) }
}

extension Bool: MetadataElement {
  package static var metadataType: MetadataType { .bool }
  package var metadataBits: UInt64 { self ? 1 : 0 }
  package init(metadataBits: UInt64) { self = metadataBits != 0 }
}

/// A number or truth value with its stored type; equal means the same type and the same bits.
package struct MetadataNumber: Sendable, Equatable {
  package let type: MetadataType
  /// As ``MetadataElement/metadataBits`` has them.
  package let bits: UInt64

  package init<T: MetadataElement>(_ value: T) {
    type = T.metadataType
    bits = value.metadataBits
  }

  /// The number whose bytes, little-endian, `bytes` begins with.
  fileprivate init(_ type: MetadataType, _ bytes: UnsafeRawBufferPointer) {
    var bits: UInt64 = 0
    for byte in bytes.reversed() { bits = bits << 8 | UInt64(byte) }
    let unused = UInt64(64 - 8 * bytes.count)
    self.type = type
    self.bits = type.isSigned ? UInt64(bitPattern: Int64(bitPattern: bits << unused) >> Int64(unused)) : bits
  }

  /// The value, if it is stored as that type.
  package func value<T: MetadataElement>(as: T.Type) -> T? { type == T.metadataType ? T(metadataBits: bits) : nil }

  /// The value, if it is an integer that fits.
  package var signedInteger: Int64? {
    guard type.isInteger else { return nil }
    return type == .uint64 ? Int64(exactly: bits) : Int64(bitPattern: bits)
  }

  /// The value, if it is an integer and not negative.
  package var unsignedInteger: UInt64? { type == .uint64 ? bits : signedInteger.flatMap { UInt64(exactly: $0) } }

  /// The value, if it is a floating-point number.
  package var real: Double? { value(as: Float.self).map(Double.init) ?? value(as: Double.self) }
}

/// Numbers or truth values of one type as they are stored: little-endian, one after the other.
package struct MetadataNumbers: Sendable, Equatable, RandomAccessCollection {
  package let type: MetadataType
  package let bytes: [UInt8]
  private let width: Int

  /// Numbers from their bytes; nil for a type that has no numbers.
  package init?(_ type: MetadataType, bytes: [UInt8]) {
    guard let width = type.width else { return nil }
    self.type = type
    self.bytes = bytes
    self.width = width
  }

  package init<T: MetadataElement>(_ values: [T]) {
    type = T.metadataType
    width = MemoryLayout<T>.size
    // As they lie in memory: no big-endian machine is among those there are kernels for.
    bytes = values.withUnsafeBytes { Array($0) }
  }

  package var startIndex: Int { 0 }
  package var endIndex: Int { bytes.count / width }

  package subscript(index: Int) -> MetadataNumber {
    bytes.withUnsafeBytes { view in
      MetadataNumber(type, UnsafeRawBufferPointer(rebasing: view[index * width..<(index + 1) * width]))
    }
  }

  /// The values, if they are stored as that type.
  package func values<T: MetadataElement>(as: T.Type) -> [T]? {
    type == T.metadataType ? map { T(metadataBits: $0.bits) } : nil
  }

  /// The values, if they are integers that fit.
  package var integers: [Int64]? {
    let found = compactMap(\.signedInteger)
    return type.isInteger && found.count == count ? found : nil
  }
}
