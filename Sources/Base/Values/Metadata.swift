/// A checkpoint's key-value pairs in the order of the file.
package struct Metadata: Sendable, Equatable {
  /// The pairs in file order; keys are unique.
  package private(set) var entries: [(key: String, value: MetadataValue)] = []

  /// No pairs.
  package init() {}

  /// Pairs whose keys are known to be unique.
  ///
  /// - Precondition: no key occurs twice.
  package init(_ entries: [(key: String, value: MetadataValue)]) {
    self.entries = entries
  }

  /// All keys in file order.
  package var keys: [String] { entries.map(\.key) }

  /// The value of a key; setting keeps the place of a known key, appends a new one, and `nil` removes.
  package subscript(key: String) -> MetadataValue? {
    get { position(of: key).map { entries[$0].value } }
    set {
      switch (position(of: key), newValue) {
      case (let index?, let value?): entries[index].value = value
      case (let index?, nil): entries.remove(at: index)
      case (nil, let value?): entries.append((key, value))
      case (nil, nil): break
      }
    }
  }

  /// Removes a key if it is there.
  package mutating func remove(_ key: String) {
    self[key] = nil
  }

  /// Removes every key with one of the prefixes.
  package mutating func removeAll(prefix: String) {
    entries.removeAll { $0.key.utf8.starts(with: prefix.utf8) }
  }

  /// The text under a key, or `nil` when it is absent or no text.
  package func string(_ key: String) -> String? {
    if case .string(let text)? = self[key] { text } else { nil }
  }

  /// The non-negative integer of any width under a key.
  package func uint(_ key: String) -> UInt64? { self[key]?.unsignedInteger }

  /// The integer of any width under a key that fits in 64 signed bits.
  package func int(_ key: String) -> Int64? { self[key]?.signedInteger }

  /// The 32- or 64-bit floating-point number under a key.
  package func float(_ key: String) -> Double? { self[key]?.number?.real }

  /// The truth value under a key.
  package func bool(_ key: String) -> Bool? { self[key]?.number?.value(as: Bool.self) }

  /// The array of texts under a key.
  package func strings(_ key: String) -> [String]? { texts(key).map(Array.init) }

  /// The same, as it is stored: for the hundred thousands of a vocabulary.
  package func texts(_ key: String) -> TextList? {
    if case .array(.string(let values))? = self[key] { values } else { nil }
  }

  /// The array of integers of any width under a key, when all fit in 64 signed bits.
  package func integers(_ key: String) -> [Int64]? { numbers(key)?.integers }

  /// The array of floating-point numbers of either width under a key.
  package func floats(_ key: String) -> [Double]? {
    guard let numbers = numbers(key) else { return nil }
    return numbers.values(as: Float.self)?.map(Double.init) ?? numbers.values(as: Double.self)
  }

  /// The array of truth values under a key.
  package func bools(_ key: String) -> [Bool]? { numbers(key)?.values(as: Bool.self) }

  /// Nil for more than any vocabulary has: widened, bytes of a file would take eight times their length.
  private func numbers(_ key: String) -> MetadataNumbers? {
    if case .array(.numbers(let values))? = self[key], values.count <= Self.mostNumbers { values } else { nil }
  }

  private static let mostNumbers = 1 << 23

  package static func == (a: Metadata, b: Metadata) -> Bool {
    a.entries.count == b.entries.count
      && zip(a.entries, b.entries).allSatisfy { BinaryString($0.key) == BinaryString($1.key) && $0.value == $1.value }
  }

  private func position(of key: String) -> Int? {
    entries.firstIndex { $0.key.utf8.elementsEqual(key.utf8) }
  }
}
