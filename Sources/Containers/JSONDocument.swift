import Base

/// JSON of a model's files, held to a budget of memory.
package enum JSONDocument {
  /// Parses a document.
  ///
  /// - Throws: `malformed` when it would take more memory than there is left or the text breaks a rule of JSON.
  static func parse(
    _ bytes: [UInt8], file: String, at base: UInt64 = 0, budget: inout MemoryBudget, nonFinite: Bool = false
  ) throws(CheckpointError) -> OrderedJSON {
    let result = bytes.withUnsafeBytes { view in
      Result { () throws(CheckpointError) in
        try OrderedJSON(parsing: view, file: file, at: base, budget: &budget, nonFinite: nonFinite)
      }
    }
    return try result.get()
  }

  /// Reads and parses a file that is a document, as Python reads it: NaN and infinities are numbers.
  package static func read(_ path: String, budget: inout MemoryBudget) throws(CheckpointError) -> OrderedJSON {
    try parse(try bytes(path, limit: longest), file: path, budget: &budget, nonFinite: true)
  }

  /// The bytes of a file that is a document.
  ///
  /// - Throws: `unsupported` when it is something else: a pointer, an error page, a text in UTF-16.
  static func bytes(_ path: String, limit: UInt64) throws(CheckpointError) -> [UInt8] {
    let bytes = try FileSystem.read(path, limit: limit)
    try ForeignContent.refuse(bytes.prefix(ForeignContent.length), file: path, where: .document)
    return bytes
  }

  /// The longest document that is read: the index of a hundred thousand tensors has ten megabytes.
  static let longest: UInt64 = 64 << 20
}
