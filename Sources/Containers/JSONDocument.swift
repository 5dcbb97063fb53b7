import Tensors

/// JSON of a model's files, held to a number of values.
package enum JSONDocument {
  /// The largest published vocabularies have one million values, a header of four hundred thousand tensors four.
  package static let mostValues = 1 << 22

  /// Parses a document.
  ///
  /// A parsed value takes many times the two bytes it can have as text; without a bound a small file could fill the memory.
  ///
  /// - Throws: `malformed` when there are too many values or the text breaks a rule of JSON.
  static func parse(_ bytes: [UInt8], file: String, at base: UInt64 = 0) throws(CheckpointError) -> OrderedJSON {
    let result = bytes.withUnsafeBytes { view in
      Result { () throws(CheckpointError) in
        try OrderedJSON(parsing: view, file: file, at: base, mostValues: mostValues)
      }
    }
    return try result.get()
  }
}
