import Base

/// What the parts of a GGUF header take in memory, rounded up; charged while reading, and before writing too, so that
/// nothing is written that would not be read.
enum GGUFMemory {
  /// A key-value pair beside its key's bytes and its value's.
  static let pair = 160
  /// One text of an array beside its bytes, with what a tokenizer keeps of it.
  static let text = 32
  /// An array inside an array, beside its elements.
  static let array = 96
  /// A tensor, with its plan, its place in the output and what finds it by name.
  static let tensor = 1024

  /// What a pair takes.
  static func cost(_ key: String, _ value: MetadataValue) -> Int {
    let start = pair + key.utf8.count
    switch value {
    case .string(let text): return start + text.utf8.count
    case .bytes(let bytes): return start + bytes.count
    case .array(let array): return start + cost(array)
    case .number: return start
    }
  }

  private static func cost(_ value: MetadataArray) -> Int {
    switch value {
    case .numbers(let numbers): numbers.bytes.count
    case .string(let texts): text * texts.count + texts.bytes.count
    case .array(let arrays): arrays.reduce(array * arrays.count) { $0 + cost($1) }
    }
  }
}
