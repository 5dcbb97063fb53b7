import Containers
import Tensors

/// A text that a command was given: a file, a pipe, or for `-` standard input.
struct TextInput {
  /// What to call it.
  let name: String
  /// The text; one in UTF-16 as UTF-8.
  let bytes: [UInt8]
  /// What is odd about it, one sentence each; told even to who wants no progress, since figures depend on it.
  private(set) var notes: [TerminalText] = []

  /// Reads a text.
  ///
  /// - Throws: `missing`, `inputOutput` or `unsupported` when it cannot be read, `malformed` for broken UTF-16.
  init(_ path: String) throws(CheckpointError) {
    let stored: [UInt8]
    if path == "-" {
      name = "standard input"
      stored = try FileSystem.readStandardInput()
    } else {
      name = path
      stored = try FileSystem.readText(path)
    }
    let decoded: UTF16Text?
    do throws(CheckpointError) { decoded = try UTF16Text(stored) } catch { throw error.in(file: name) }
    bytes = decoded?.utf8 ?? stored
    if let decoded {
      notes.append("\(name): this is UTF-16 (\(decoded.byteOrder)-endian); it is read as text and used as UTF-8")
    }
  }

  /// Where the text is not UTF-8, so that it means something else to every program; nil where it is.
  var firstOddByte: Int? { bytes.withUnsafeBytes { firstInvalidUTF8($0) } }
}
