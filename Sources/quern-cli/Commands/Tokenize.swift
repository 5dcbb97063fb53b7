import Architectures
import ArgumentParser
import Base
import Tokenizers

/// `quern tokenize`: text to token ids.
struct Tokenize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turn text into token ids; needs only the tokenizer's files.",
    discussion: "Added tokens such as <|im_start|> are recognised in the text.")

  @Argument(help: "A model, a folder with tokenizer.json, or that file.")
  var model: String

  @Option(help: ArgumentHelp("The text; - for standard input.", valueName: "text"))
  var text: String?

  @Option(
    help: ArgumentHelp("A file or pipe with the text, - for standard input, taken byte for byte.", valueName: "file"))
  var file: String?

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard (text == nil) != (file == nil) else { throw ValidationError("Give either --text or --file.") }
  }

  /// The text's bytes as they are; of UTF-16 those of the same text in UTF-8.
  private func bytes() throws -> [UInt8] {
    if let text, text != "-" { return Array(text.utf8) }
    let input = try TextInput(text ?? file ?? "")
    for note in input.notes { printNote("note: \(note)") }
    return input.bytes
  }

  func run() throws {
    let (tokenizer, notes) = try TokenizerSource.open(model)
    printNotes(notes, quiet: common.quiet)
    let bytes = try self.bytes()
    let start = monotonicSeconds()
    let ids = try tokenizer.encode(bytes)
    let seconds = monotonicSeconds() - start
    if common.json {
      printJSON(
        jsonObject([
          ("ids", .array(ids.map { .integer(Int64($0)) })),
          ("count", .integer(Int64(ids.count))), ("bytes", .integer(Int64(bytes.count))),
          ("seconds", .number(seconds)),
        ]))
    } else {
      printLine(TerminalText(escaped: ids.map(String.init).joined(separator: " ")))
    }
  }
}
