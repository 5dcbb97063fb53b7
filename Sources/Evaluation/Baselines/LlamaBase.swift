import Base
import Engine
import Runtime
import Tokenizers

/// A base file of llama-perplexity (`--kl-divergence-base`): ln p of every token, rounded to 16 bits.
///
///     "_logits_"   context: i32   vocabulary: i32   windows: i32   token ids: i32 x windows x context
///     for every scored position   scale: f32   least: f32   u16 x vocabulary, made even
///
/// ln p is scale u + least. What lay more than 16 nats below the likeliest token is stored as 0, which says "at most"; such
/// tokens are not compared. Specification: formats/baseline.md.
package struct LlamaBase: Sendable {
  static let magic = Array("_logits_".utf8)
  /// Magic, context, vocabulary and number of windows.
  private static let prefix = 20

  private let file: InputFile
  private let sum: String
  let context: Int
  let vocabularySize: Int
  private let count: Int
  private let tokens: [Int32]

  /// Opens a base file and checks its frame; rows are checked as they are read.
  ///
  /// - Throws: `malformed` with the place and the rule of formats/baseline.md that is broken.
  package init(path: String) throws(CheckpointError) {
    let file = try InputFile(path: path)
    func failure(_ message: String, _ offset: Int) -> CheckpointError {
      CheckpointError(.malformed, message, file: path, offset: UInt64(offset))
    }
    guard file.size >= UInt64(Self.prefix) else {
      throw failure("the file ends inside the header: it has \(file.size) bytes", 0)
    }
    let start = try file.readBytes(at: 0, count: Self.prefix)
    guard start.starts(with: Self.magic) else { throw failure("this is not a base file of llama-perplexity", 0) }
    let numbers = Self.words(start[8...])
    let (context, vocabulary, windows) = (Int(numbers[0]), Int(numbers[1]), Int(numbers[2]))
    guard (4...BaselineHeader.longestContext).contains(context) else { throw failure("the context is \(context)", 8) }
    guard (LogitRow.topCount...BaselineHeader.largestVocabulary).contains(vocabulary) else {
      throw failure("the vocabulary has \(vocabulary) tokens", 12)
    }
    // A window takes four bytes a token alone.
    guard windows > 0, UInt64(windows) <= file.size / UInt64(4 * context) else {
      throw failure("\(windows) windows are claimed, which the file cannot hold", 16)
    }
    let rows = windows * (context - 1 - context / 2)
    let (bytes, isTooMuch) = rows.multipliedReportingOverflow(by: Self.rowBytes(vocabulary))
    let expected = Self.prefix + 4 * windows * context
    guard !isTooMuch, UInt64(expected) + UInt64(bytes) == file.size else {
      throw failure(
        "\(windows) windows of \(context) tokens and \(vocabulary) words need another length than the \(file.size) bytes "
          + "of the file; it may be cut off", 16)
    }
    tokens = Self.words(try file.readBytes(at: UInt64(Self.prefix), count: 4 * windows * context)[...])
    if let place = tokens.firstIndex(where: { $0 < 0 || $0 >= vocabulary }) {
      throw failure("token \(tokens[place]) is outside the vocabulary of \(vocabulary)", Self.prefix + 4 * place)
    }
    self.file = file
    self.context = context
    vocabularySize = vocabulary
    count = windows
    sum = try SHA256Hash.hash(of: file)
  }

  private static func words(_ bytes: ArraySlice<UInt8>) -> [Int32] {
    stride(from: bytes.startIndex, to: bytes.endIndex - 3, by: 4).map { place in
      Int32(bitPattern: bytes[place..<place + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) })
    }
  }

  private static func rowBytes(_ vocabulary: Int) -> Int { 2 * (2 * ((vocabulary + 1) / 2) + 4) }
}

extension LlamaBase: RecordedPredictions {
  var reference: Validation.Reference {
    Validation.Reference(kind: .llamaPerplexity, file: file.path, sha256: sum, entries: nil)
  }

  /// The file does not say which.
  var model: Validation.Model { Validation.Model(name: file.path, bytes: 0, weights: 0) }

  var windows: [Int] { [count] }

  func check(_ after: OpenedModel) throws(CheckpointError) {}

  /// The text, by the SHA-256 of its token ids (32 bits each, the low byte first): that of its bytes is not in the file.
  func text(_ index: Int, windows: Int, _ tokenizer: Tokenizer) throws(CheckpointError) -> TextWindows {
    let line = Array(tokens[..<(windows * context)])
    var bytes: [UInt8] = []
    for token in line { bytes.append(word: token) }
    // The ids are stored as they are in the text; the beginning is put in when they are used.
    return TextWindows(
      name: "tokens of \(file.path)", sha256: bytes.withUnsafeBytes { SHA256Hash.hash($0) }, context: context,
      windows: TextWindows.backToBack(line, count: windows, context: context, tokenizer))
  }

  func rows(text: Int, window: Int) throws(CheckpointError) -> [any RecordedRow] { rows(window: window) }

  package func rows(window: Int) -> [LlamaRow] {
    let scored = context - 1 - context / 2
    let bytes = Self.rowBytes(vocabularySize)
    let start = Self.prefix + 4 * tokens.count + window * scored * bytes
    return (0..<scored).map {
      LlamaRow(file: file, offset: UInt64(start + $0 * bytes), bytes: bytes, vocabulary: vocabularySize)
    }
  }
}
