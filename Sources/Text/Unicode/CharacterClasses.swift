/// What a code point is to split patterns and to normalization.
///
/// Public and inlinable, as all here that is asked for every character: the compiler inlines nothing of another module that is
/// `package`, and a tokenizer would take twice its time.
public struct CharacterClass: OptionSet, Sendable {
  /// The bits.
  public let rawValue: UInt8
  /// A class by its bits.
  @inlinable @inline(__always) public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// `\p{L}`.
  @inlinable @inline(__always) public static var letter: CharacterClass { CharacterClass(rawValue: 1) }
  /// `\p{M}`.
  @inlinable @inline(__always) public static var mark: CharacterClass { CharacterClass(rawValue: 2) }
  /// `\p{N}`.
  @inlinable @inline(__always) public static var number: CharacterClass { CharacterClass(rawValue: 4) }
  /// `\s`.
  @inlinable @inline(__always) public static var space: CharacterClass { CharacterClass(rawValue: 8) }
  /// Carriage return or line feed; also `space`.
  @inlinable @inline(__always) public static var newline: CharacterClass { CharacterClass(rawValue: 16) }
  /// Takes part in canonical composition or ordering: text without any of these is in NFC already.
  @inlinable @inline(__always) public static var composes: CharacterClass { CharacterClass(rawValue: 32) }
  /// Not ASCII: the class of the whole character must be looked up.
  ///
  /// Only in `CharacterClasses.bytes`.
  @inlinable @inline(__always) public static var wide: CharacterClass { CharacterClass(rawValue: 128) }
}

/// The class of every code point, two look-ups away.
public struct CharacterClasses: Sendable {
  /// The classes of single bytes: of ASCII, and `wide` for the rest.
  public let bytes: [CharacterClass]
  /// The page of 256 code points that holds each block of 256.
  @usableFromInline let index: [UInt16]
  @usableFromInline let pages: [CharacterClass]

  /// The classes by the tables.
  public static let shared = CharacterClasses()

  private init() {
    var flat = [CharacterClass](repeating: [], count: 0x110000)
    for (runs, kind) in [
      (ClassTables.letters, CharacterClass.letter), (ClassTables.marks, .mark), (ClassTables.numbers, .number),
      (ClassTables.spaces, .space),
    ] {
      var at = 0
      for (position, length) in runs.enumerated() {
        if position % 2 == 1 { for point in at..<at + Int(length) { flat[point].insert(kind) } }
        at += Int(length)
      }
    }
    flat[0x0A].insert(.newline)
    flat[0x0D].insert(.newline)
    for point in CanonicalForm.shared.unstable { flat[Int(point)].insert(.composes) }

    var known: [[CharacterClass]: UInt16] = [:]
    var index: [UInt16] = []
    var pages: [CharacterClass] = []
    for start in stride(from: 0, to: flat.count, by: 256) {
      // Most pages are like the one before: comparing is cheaper than looking each up.
      if start > 0, flat[start - 256..<start] == flat[start..<start + 256] {
        index.append(index[index.count - 1])
        continue
      }
      let page = Array(flat[start..<start + 256])
      let number = known[page] ?? UInt16(known.count)
      if known.updateValue(number, forKey: page) == nil { pages += page }
      index.append(number)
    }
    self.index = index
    self.pages = pages
    bytes = (0..<256).map { $0 < 128 ? flat[$0] : .wide }
  }

  /// The class of a code point below 0x110000.
  @inlinable @inline(__always)
  public subscript(point: UInt32) -> CharacterClass {
    pages[Int(index[Int(point >> 8)]) << 8 | Int(point & 0xFF)]
  }
}

extension CharacterClass: Hashable {
  // Those of the protocols are called through tables from another module.
  /// Whether a class has all that another has.
  @inlinable @inline(__always)
  public func contains(_ other: CharacterClass) -> Bool { rawValue & other.rawValue == other.rawValue }
  /// Whether two classes have nothing in common.
  @inlinable @inline(__always)
  public func isDisjoint(with other: CharacterClass) -> Bool { rawValue & other.rawValue == 0 }
  /// Whether it is `wide`.
  @inlinable @inline(__always)
  public var isWide: Bool { rawValue == CharacterClass.wide.rawValue }
}

/// One character read from UTF-8 bytes.
public struct DecodedCharacter {
  /// The code point; for a byte that belongs to no valid sequence, nil.
  public let point: UInt32?
  /// Bytes it takes, at least one.
  public let length: Int

  /// Reads the character at a position; a byte of no valid sequence stands for itself.
  @inlinable @inline(__always)
  public init(_ text: UnsafeBufferPointer<UInt8>, at position: Int, end: Int) {
    let lead = text[position]
    if lead < 0x80 {
      (point, length) = (UInt32(lead), 1)
      return
    }
    let available = end - position
    @inline(__always) func tail(_ k: Int) -> UInt32? {
      let byte = text[position + k]
      return byte & 0xC0 == 0x80 ? UInt32(byte & 0x3F) : nil
    }
    switch lead {
    case 0xC2...0xDF:
      if available >= 2, let a = tail(1) {
        (point, length) = (UInt32(lead & 0x1F) << 6 | a, 2)
        return
      }
    case 0xE0...0xEF:
      if available >= 3, let a = tail(1), let b = tail(2) {
        let value = UInt32(lead & 0x0F) << 12 | a << 6 | b
        if value >= 0x800, !(0xD800...0xDFFF).contains(value) {
          (point, length) = (value, 3)
          return
        }
      }
    case 0xF0...0xF4:
      if available >= 4, let a = tail(1), let b = tail(2), let c = tail(3) {
        let value = UInt32(lead & 0x07) << 18 | a << 12 | b << 6 | c
        if (0x10000...0x10FFFF).contains(value) {
          (point, length) = (value, 4)
          return
        }
      }
    default: break
    }
    (point, length) = (nil, 1)
  }
}

/// Appends a code point as UTF-8.
package func append(_ point: UInt32, to bytes: inout [UInt8]) {
  switch point {
  case 0..<0x80: bytes.append(UInt8(truncatingIfNeeded: point))
  case 0x80..<0x800:
    bytes.append(UInt8(truncatingIfNeeded: 0xC0 | point >> 6))
    bytes.append(UInt8(truncatingIfNeeded: 0x80 | point & 0x3F))
  case 0x800..<0x10000:
    bytes.append(UInt8(truncatingIfNeeded: 0xE0 | point >> 12))
    bytes.append(UInt8(truncatingIfNeeded: 0x80 | point >> 6 & 0x3F))
    bytes.append(UInt8(truncatingIfNeeded: 0x80 | point & 0x3F))
  default:
    bytes.append(UInt8(truncatingIfNeeded: 0xF0 | point >> 18 & 0x07))
    bytes.append(UInt8(truncatingIfNeeded: 0x80 | point >> 12 & 0x3F))
    bytes.append(UInt8(truncatingIfNeeded: 0x80 | point >> 6 & 0x3F))
    bytes.append(UInt8(truncatingIfNeeded: 0x80 | point & 0x3F))
  }
}
