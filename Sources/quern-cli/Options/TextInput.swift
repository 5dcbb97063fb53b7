import Containers
import Base
import Libc

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
      stored = try FileSystem.readAll(STDIN_FILENO, name)
    } else {
      name = path
      stored = try FileSystem.readText(path)
    }
    let decoded: UTF16Text?
    do throws(CheckpointError) { decoded = try UTF16Text(stored) } catch { throw error.in(file: name) }
    if let decoded {
      bytes = decoded.utf8
      notes.append("\(name): this is UTF-16 (\(decoded.byteOrder)-endian); it is read as text and used as UTF-8")
    } else if stored.starts(with: Self.mark) {
      bytes = Array(stored.dropFirst(Self.mark.count))
      notes.append("\(name): the byte-order mark at the beginning is left out")
    } else {
      bytes = stored
    }
    if let what = ForeignContent.inPlaceOfText(bytes) { notes.append("\(name): \(what)") }
  }

  /// U+FEFF in UTF-8.
  private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]

  /// Where the text is not UTF-8, so that it means something else to every program; nil where it is.
  private var firstOddByte: Int? { bytes.withUnsafeBytes { firstInvalidUTF8($0) } }

  /// The notes of a text that is scored, with one more when it is not UTF-8.
  ///
  /// The reference tokenizers have no answer for such bytes, so that a figure over them is quern's own: it is given, and said,
  /// even to who wants no progress.
  var notesOfScored: [TerminalText] {
    guard let place = firstOddByte else { return notes }
    return notes + [
      "\(name) at byte \(place): this is not UTF-8; it is scored as bytes, which other programs do otherwise"
    ]
  }
}
