import Containers
import Corpus
import Evaluation
import Base

/// The texts that models are compared on: those that were named, or the ones that come with the program.
struct ComparedTexts {
  let sources: [TextSource]
  /// Tokens of a window unless somebody says.
  let context: Int
  /// What is odd about them, one sentence each.
  private(set) var notes: [TerminalText] = []

  /// Reads files and folders of texts; the built-in ones where none are named.
  ///
  /// - Throws: `missing` for a folder without a text, and what ``TextInput`` throws.
  init(_ paths: [String]) throws(CheckpointError) {
    guard !paths.isEmpty else {
      sources = Corpus.texts.map { TextSource(name: $0.name, bytes: $0.bytes) }
      context = Corpus.context
      return
    }
    context = 512
    var inputs: [TextInput] = []
    for path in paths {
      guard FileSystem.isFolder(path) else {
        inputs.append(try TextInput(path))
        notes += inputs.last?.notesOfScored ?? []
        continue
      }
      inputs += try Self.texts(in: path, &notes)
    }
    sources = inputs.map { TextSource(name: $0.name, bytes: $0.bytes) }
  }

  /// The texts of a folder, by name; hidden files are left alone, and what is not a text is left out with a note.
  private static func texts(
    in folder: String, _ notes: inout [TerminalText]
  ) throws(CheckpointError) -> [TextInput] {
    var texts: [TextInput] = []
    for name in try FileSystem.names(in: folder) where !name.hasPrefix(".") {
      let path = folder + "/" + name
      guard try FileSystem.isFileThere(path) else { continue }
      if let reason = try reasonAgainst(path) {
        notes.append("\(path): \(reason); it is left out")
        continue
      }
      let input = try TextInput(path)
      notes += input.notesOfScored
      texts.append(input)
    }
    guard !texts.isEmpty else { throw CheckpointError(.missing, "the folder holds no text", file: folder) }
    return texts
  }

  /// Why a file of a folder is not a text, by its beginning; nil for a text.
  private static func reasonAgainst(_ path: String) throws(CheckpointError) -> String? {
    let file = try InputFile(path: path)
    let start = try file.readBytes(at: 0, count: Int(min(file.size, UInt64(beginning))))
    if start.isEmpty { return "this is empty" }
    if start.starts(with: [0xFF, 0xFE]) || start.starts(with: [0xFE, 0xFF]) { return nil }
    if let what = ForeignContent.inPlaceOfText(start) { return what }
    if start.contains(0) { return "this is not a text" }
    let odd = start.withUnsafeBytes { firstInvalidUTF8($0) }
    // The last character may be cut where the beginning ends.
    if let odd, start.count < beginning || odd < beginning - 3 { return "this is not UTF-8 text" }
    return nil
  }

  /// Bytes that are looked at: a model of many gigabytes is not read to learn that it is not a text.
  private static let beginning = 1 << 16
}
