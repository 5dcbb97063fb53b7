extension OrderedJSON {
  /// Parses a document (RFC 8259), stricter than most: no duplicate keys, at most 128 levels, nothing behind it.
  ///
  /// A byte-order mark before it is skipped. `nonFinite` lets numbers be `NaN`, `Infinity` or too large, as Python writes and reads
  /// them.
  ///
  /// - Throws: `malformed` with the byte offset of the first thing that breaks the rules, or passes the budget.
  package init(
    parsing bytes: UnsafeRawBufferPointer, file: String, at base: UInt64 = 0, budget: inout MemoryBudget,
    nonFinite: Bool = false
  ) throws(CheckpointError) {
    var reader = JSONReader(bytes, file: file, at: base, budget: budget, nonFinite: nonFinite)
    self = try reader.value()
    try reader.finish()
    budget = reader.budget
  }

  /// Parses a document held in an array.
  ///
  /// `memory` bounds what the parsed form may take.
  package init(
    parsing bytes: [UInt8], file: String, memory: Int = MemoryBudget.file, nonFinite: Bool = false
  ) throws(CheckpointError) {
    var budget = MemoryBudget(memory)
    let result = bytes.withUnsafeBytes { view in
      Result { () throws(CheckpointError) in
        try OrderedJSON(parsing: view, file: file, budget: &budget, nonFinite: nonFinite)
      }
    }
    self = try result.get()
  }
}

/// What parsed values take, rounded up: measured, not derived.
enum JSONCost {
  /// A box, and the place in the list that holds it.
  static let value = 48
  /// Beside the value: the storage of a list.
  static let array = 32
  /// Beside the value: the storage of members and of their index.
  static let object = 96
  /// Beside key and value: the places of both, and of the key's hash.
  static let member = 48
  /// A text of so many bytes, beside the value that holds it; up to 15 lie in the value.
  static func text(_ bytes: Int) -> Int { bytes > 15 ? 48 + bytes : 0 }
  /// A text in a list of many, with what a vocabulary keeps of it.
  static func listed(_ bytes: Int) -> Int { 32 + bytes }
}

/// A cursor over a JSON document: whole values as `OrderedJSON`, or piece by piece where a part has a better form.
///
/// Every piece is read after the white space before it.
package struct JSONReader {
  let bytes: UnsafeRawBufferPointer
  let base: UInt64
  let file: String
  var position = 0
  /// What may still be taken.
  package private(set) var budget: MemoryBudget
  /// Whether numbers may be what Python's writer makes of NaN and infinities.
  private let nonFinite: Bool

  static let depthLimit = 128

  /// Starts at the first byte of a document, which lies at `base` in `file`, or behind its byte-order mark.
  ///
  /// The bytes must stay valid while the reader is used.
  package init(
    _ bytes: UnsafeRawBufferPointer, file: String, at base: UInt64 = 0, budget: MemoryBudget = MemoryBudget(),
    nonFinite: Bool = false
  ) {
    self.bytes = bytes
    self.nonFinite = nonFinite
    position = bytes.starts(with: byteOrderMark) ? byteOrderMark.count : 0
    self.base = base
    self.file = file
    self.budget = budget
  }

  /// A `malformed` error at the present place.
  package func failure(_ message: String) -> CheckpointError {
    CheckpointError(.malformed, message, file: file, offset: base + UInt64(position))
  }

  /// Refuses anything but white space behind the document.
  package mutating func finish() throws(CheckpointError) {
    skipSpace()
    guard position == bytes.count else { throw failure("text follows the end of the JSON document") }
  }

  /// The first byte of what comes next; nil at the end.
  package mutating func peek() -> UInt8? {
    skipSpace()
    return next
  }

  var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  mutating func skipSpace() {
    while position < bytes.count {
      if position + 8 <= bytes.count {
        // Indentation is most of the white space: eight blanks at a time.
        let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
        let blanks = (word ^ 0x2020_2020_2020_2020).trailingZeroBitCount >> 3
        position += blanks
        if blanks == 8 { continue }
      }
      let byte = bytes[position]
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
      position += 1
    }
  }

  mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    position += 1
    return true
  }

  /// The next value, whatever it is.
  package mutating func value(depth: Int = 0) throws(CheckpointError) -> OrderedJSON {
    try enter(depth)
    switch next {
    case UInt8(ascii: "{"): return .object(try object(depth: depth))
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "N") where nonFinite: return try word("NaN", .number(.nan))
    case UInt8(ascii: "I") where nonFinite: return try word("Infinity", .number(.infinity))
    case nil: throw failure("the JSON document ends where a value is expected")
    case let byte? where byte == UInt8(ascii: "-") || Self.isDigit(byte): return try number()
    default: throw failure("this is not the start of a JSON value")
    }
  }

  /// Charges a value and checks its depth.
  private mutating func enter(_ depth: Int) throws(CheckpointError) {
    skipSpace()
    guard depth < Self.depthLimit else { throw failure("JSON is nested deeper than \(Self.depthLimit) levels") }
    try charge(JSONCost.value)
  }

  /// Takes memory from the budget for what is about to be kept.
  package mutating func charge(_ bytes: Int) throws(CheckpointError) {
    do throws(CheckpointError) {
      try budget.take(bytes)
    } catch {
      throw failure(error.message)
    }
  }

  private mutating func word(_ text: StaticString, _ value: OrderedJSON) throws(CheckpointError) -> OrderedJSON {
    let length = text.utf8CodeUnitCount
    let matches =
      bytes.count - position >= length
      && (0..<length).allSatisfy { bytes[position + $0] == text.utf8Start[$0] }
    guard matches else { throw failure("this is not the start of a JSON value") }
    position += length
    return value
  }

  private mutating func object(depth: Int) throws(CheckpointError) -> OrderedObject {
    try object(depth: depth) { (reader, _) throws(CheckpointError) in try reader.value(depth: depth + 1) }
  }

  /// An object whose values `read` reads, by their keys; nil leaves a member out.
  package mutating func object(
    depth: Int, read: (inout JSONReader, String) throws(CheckpointError) -> OrderedJSON?
  ) throws(CheckpointError) -> OrderedObject {
    var object = OrderedObject()
    guard try begin("{", "}") else { return object }
    try charge(JSONCost.object)
    repeat {
      try charge(JSONCost.member)
      let (key, start) = try key()
      guard let value = try read(&self, key) else { continue }
      guard object.append(key, value) else {
        position = start
        throw failure("the JSON key \"\(key)\" occurs twice in one object")
      }
    } while try goesOn("}", "a comma or } must follow a JSON member")
    return object
  }

  /// A key with the colon behind it, and where it starts.
  private mutating func key() throws(CheckpointError) -> (String, Int) {
    skipSpace()
    guard next == UInt8(ascii: "\"") else { throw failure("a JSON key must be a string") }
    let start = position
    let key = try string()
    try colon()
    return (key, start)
  }

  /// The colon behind a key.
  package mutating func colon() throws(CheckpointError) {
    skipSpace()
    guard take(UInt8(ascii: ":")) else { throw failure("a colon must follow a JSON key") }
    skipSpace()
  }

  private mutating func array(depth: Int) throws(CheckpointError) -> OrderedJSON {
    var elements: [OrderedJSON] = []
    guard try begin("[", "]") else { return .array(elements) }
    try charge(JSONCost.array)
    repeat {
      elements.append(try value(depth: depth + 1))
    } while try goesOn("]", "a comma or ] must follow a JSON element")
    return .array(elements)
  }

  /// Enters an object or array; false, and past its end, when it is empty.
  package mutating func begin(_ open: Unicode.Scalar, _ close: Unicode.Scalar) throws(CheckpointError) -> Bool {
    skipSpace()
    guard take(UInt8(ascii: open)) else { throw failure("\(open) must be here") }
    skipSpace()
    return !take(UInt8(ascii: close))
  }

  /// Takes the comma before another element, or the closing bracket and says false.
  package mutating func goesOn(_ close: Unicode.Scalar, _ rule: StaticString) throws(CheckpointError) -> Bool {
    skipSpace()
    if take(UInt8(ascii: ",")) {
      skipSpace()
      return true
    }
    if take(UInt8(ascii: close)) { return false }
    throw failure("\(rule)")
  }

  /// A whole number of up to 18 digits, as most are; nil, and nothing taken, for anything else.
  package mutating func shortInteger() -> Int? {
    skipSpace()
    var (place, value) = (position, 0)
    while place < bytes.count, Self.isDigit(bytes[place]), place - position < 18 {
      value = value * 10 + Int(bytes[place] - UInt8(ascii: "0"))
      place += 1
    }
    let digits = place - position
    guard digits > 0, digits == 1 || bytes[position] != UInt8(ascii: "0"), place < bytes.count else { return nil }
    // Behind the digits of a whole number the value ends.
    guard [UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), 0x20, 0x0A, 0x0D, 0x09].contains(bytes[place])
    else { return nil }
    position = place
    return value
  }

  private mutating func number() throws(CheckpointError) -> OrderedJSON {
    let start = position
    if take(UInt8(ascii: "-")), nonFinite, next == UInt8(ascii: "I") {
      return try word("Infinity", .number(-.infinity))
    }
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
    guard let value = Double(text), value.isFinite || nonFinite else {
      position = start
      throw failure("this JSON number is out of range")
    }
    return .number(value)
  }

  static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  private mutating func skipDigits() -> Int {
    let start = position
    while let byte = next, Self.isDigit(byte) { position += 1 }
    return position - start
  }
}
