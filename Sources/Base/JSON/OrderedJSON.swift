/// A JSON document that keeps the order of its keys and has none twice.
package indirect enum OrderedJSON: Sendable, Equatable {
  case null
  case bool(Bool)
  /// A number written without fraction or exponent that fits.
  case integer(Int64)
  /// Such a number above `Int64.max`.
  case unsigned(UInt64)
  /// Any other number.
  case number(Double)
  case string(String)
  case array([OrderedJSON])
  case object(OrderedObject)

  /// The value of a key of an object; nil for an absent key and for anything that is not an object.
  package subscript(key: String) -> OrderedJSON? {
    if case .object(let object) = self { object[key] } else { nil }
  }

  /// The text, if this is one.
  package var stringValue: String? {
    if case .string(let value) = self { value } else { nil }
  }

  /// The truth value, if this is one.
  package var boolValue: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  /// The number, if it is whole and fits.
  package var intValue: Int? {
    switch self {
    case .integer(let value): Int(exactly: value)
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }

  /// The number, whole or not.
  package var doubleValue: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .unsigned(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// The elements, if this is an array.
  package var arrayValue: [OrderedJSON]? {
    if case .array(let value) = self { value } else { nil }
  }

  /// The members, if this is an object.
  package var objectValue: OrderedObject? {
    if case .object(let value) = self { value } else { nil }
  }

  /// Whether this is `null`.
  package var isNull: Bool { self == .null }
}

/// The members of a JSON object in the order of the file; keys are equal when their UTF-8 bytes are.
package struct OrderedObject: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  /// The members in order.
  package private(set) var entries: [(key: String, value: OrderedJSON)] = []
  private var index = KeyIndex()

  /// An object without members.
  package init() {}

  /// An object from a literal.
  ///
  /// - Precondition: no key occurs twice.
  package init(dictionaryLiteral elements: (String, OrderedJSON)...) {
    for (key, value) in elements {
      let isNew = append(key, value)
      precondition(isNew, "a literal object has no key twice")
    }
  }

  /// The keys in order.
  package var keys: [String] { entries.map(\.key) }

  /// The value of a key; setting nil removes it, setting a new key appends it.
  package subscript(key: String) -> OrderedJSON? {
    get { place(of: key).map { entries[$0].value } }
    set {
      switch (place(of: key), newValue) {
      case (let place?, let value?): entries[place].value = value
      case (nil, let value?): append(key, value)
      case (let place?, nil):
        entries.remove(at: place)
        index = KeyIndex()
        for (key, _) in entries { index.append(key) }
      case (nil, nil): break
      }
    }
  }

  /// Appends a member.
  ///
  /// - Returns: false, with nothing changed, when the key is already there.
  @discardableResult
  package mutating func append(_ key: String, _ value: OrderedJSON) -> Bool {
    guard place(of: key) == nil else { return false }
    index.append(key)
    entries.append((key, value))
    return true
  }

  private func place(of key: String) -> Int? {
    index.find(key) { BinaryString(entries[$0].key) == BinaryString(key) }
  }

  package static func == (a: OrderedObject, b: OrderedObject) -> Bool {
    a.entries.elementsEqual(b.entries) { BinaryString($0.key) == BinaryString($1.key) && $0.value == $1.value }
  }
}
