import Tensors

/// JSON of a model's files, held to a number of values before it is parsed.
enum JSONDocument {
  /// The most commas and opening brackets together, which is at least the number of values less one.
  ///
  /// The largest published vocabularies have two million, a header of four hundred thousand tensors four.
  static let mostValues = 1 << 22

  /// Parses a document.
  ///
  /// A parsed value takes many times the two bytes it can have as text; without a bound a small file could fill the memory.
  ///
  /// - Throws: `malformed` when there are too many values or the text breaks a rule of JSON.
  static func parse(_ bytes: [UInt8], file: String, at base: UInt64 = 0) throws(CheckpointError) -> OrderedJSON {
    var values = 0
    for byte in bytes where byte == UInt8(ascii: ",") || byte | 0x20 == UInt8(ascii: "{") { values += 1 }
    guard values <= mostValues else {
      throw CheckpointError(
        .malformed, "the JSON has more than \(mostValues) values", file: file, offset: base)
    }
    let result = bytes.withUnsafeBytes { view in
      Result { () throws(CheckpointError) in try OrderedJSON(parsing: view, file: file, at: base) }
    }
    return try result.get()
  }
}
