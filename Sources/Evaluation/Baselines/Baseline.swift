import Base
import Runtime
import Tokenizers

/// A baseline: a model's predictions on some texts, small enough to be shared, in place of the model and the texts.
///
///     magic   version: u32   length of header: u32   header: JSON
///     for every window of every text   length: u32   window
///     SHA-256 of everything before
///
/// Specification: formats/baseline.md.
package struct Baseline: Sendable {
  package static let magic = Array("quernbsl".utf8)
  static let version: UInt32 = 1
  /// Magic, version and length of the header.
  static let prefix = 16
  /// Bytes of the sum at the end.
  static let sumBytes = 32
  /// The longest header that is read.
  private static let longestHeader = 4 << 20
  private static let headerMemory = 64 << 20

  package let header: BaselineHeader
  private let file: InputFile
  private let sum: String
  /// Where the windows of each text lie.
  private let places: [[Range<UInt64>]]

  /// Opens a baseline and checks all of it.
  ///
  /// - Throws: `malformed` with the place and the rule of formats/baseline.md that is broken, `unsupported` for another version.
  package init(path: String) throws(CheckpointError) {
    let file = try InputFile(path: path)
    let start = try file.readBytes(at: 0, count: Int(min(file.size, UInt64(Self.prefix))))
    guard start.count == Self.prefix, start.starts(with: Self.magic) else {
      throw CheckpointError(.malformed, "this is not a baseline", file: path)
    }
    let version = Self.word(start[8..<12])
    guard version == Self.version else {
      throw CheckpointError(
        .unsupported, "this is version \(version) of the format, this program knows version \(Self.version)",
        file: path, offset: 8)
    }
    sum = try Self.checkedSum(file)
    let end = file.size - UInt64(Self.sumBytes)
    let length = UInt64(Self.word(start[12...]))
    guard length <= min(UInt64(Self.longestHeader), end - UInt64(Self.prefix)) else {
      throw CheckpointError(
        .malformed, "the header claims \(length) bytes, more than the file or any header has", file: path, offset: 12)
    }
    do throws(CheckpointError) {
      let bytes = try file.readBytes(at: UInt64(Self.prefix), count: Int(length))
      header = try BaselineHeader(try OrderedJSON(parsing: bytes, file: path, memory: Self.headerMemory))
    } catch {
      throw error.in(file: path)
    }
    places = try Self.places(header, in: file, UInt64(Self.prefix) + length..<end)
    self.file = file
    for (number, text) in header.texts.enumerated() {
      var positions = 0
      for window in 0..<text.windows { positions += try self.window(number, window).samples.count }
      guard positions == text.positions else {
        throw CheckpointError(
          .malformed, "\(text.name) has \(positions) positions, the header says \(text.positions)", file: path)
      }
    }
  }

  private static func word(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// The sum at the end, which has to be that of everything before.
  private static func checkedSum(_ file: InputFile) throws(CheckpointError) -> String {
    guard file.size >= UInt64(prefix + sumBytes) else {
      throw CheckpointError(.malformed, "the file ends inside the header: it has \(file.size) bytes", file: file.path)
    }
    let end = file.size - UInt64(sumBytes)
    let stored = try file.readBytes(at: end, count: sumBytes)
    guard SHA256Hash.bytes(of: try SHA256Hash.hash(of: file, first: end)) == stored else {
      throw CheckpointError(
        .malformed, "the file is damaged: its SHA-256 is not the one it ends with", file: file.path, offset: end)
    }
    return try SHA256Hash.hash(of: file)
  }

  /// Finds the windows, which lie one after the other and fill the file.
  private static func places(
    _ header: BaselineHeader, in file: InputFile, _ bounds: Range<UInt64>
  ) throws(CheckpointError) -> [[Range<UInt64>]] {
    var place = bounds.lowerBound
    var result: [[Range<UInt64>]] = []
    for text in header.texts {
      var windows: [Range<UInt64>] = []
      for _ in 0..<text.windows {
        guard bounds.upperBound - place >= 4 else {
          throw CheckpointError(
            .malformed, "the file ends before window \(windows.count) of \(text.name)", file: file.path, offset: place)
        }
        let length = UInt64(word(try file.readBytes(at: place, count: 4)[...]))
        place += 4
        guard length <= bounds.upperBound - place else {
          throw CheckpointError(
            .malformed, "a window claims \(length) bytes, \(bounds.upperBound - place) are left", file: file.path,
            offset: place - 4)
        }
        windows.append(place..<place + length)
        place += length
      }
      result.append(windows)
    }
    guard place == bounds.upperBound else {
      throw CheckpointError(
        .malformed, "\(bounds.upperBound - place) bytes follow the last window and belong to nothing", file: file.path,
        offset: place)
    }
    return result
  }

  func window(_ text: Int, _ window: Int) throws(CheckpointError) -> BaselineWindow {
    let place = places[text][window]
    let bytes = try file.readBytes(at: place.lowerBound, count: place.count)
    let result = bytes.withUnsafeBytes { view in
      Result { () throws(CheckpointError) in
        var reader = ByteReader(view, at: place.lowerBound, file: file.path)
        let window = try BaselineWindow(&reader, header)
        guard reader.remaining == 0 else {
          throw reader.failure("\(reader.remaining) bytes follow the last position of a window and belong to nothing")
        }
        return window
      }
    }
    return try result.get()
  }
}

extension Baseline: RecordedPredictions {
  package var reference: Validation.Reference {
    Validation.Reference(kind: .baseline, file: file.path, sha256: sum, entries: header.entries)
  }

  package var model: Validation.Model {
    Validation.Model(name: header.model, bytes: header.tensorBytes, weights: header.weights)
  }

  package var vocabularySize: Int { header.vocabulary }
  package var context: Int { header.context }
  package var windows: [Int] { header.texts.map(\.windows) }

  func check(_ after: OpenedModel) throws(CheckpointError) {
    let own = try TokenizerFingerprint.of(after)
    guard own == header.tokenizer else {
      throw CheckpointError(
        .mismatch, "its tokenizer is not the one that \(file.path) was made with: their tokens mean different things",
        file: after.name)
    }
  }

  func text(_ index: Int, windows: Int, _ tokenizer: Tokenizer) throws(CheckpointError) -> TextWindows {
    let text = header.texts[index]
    var lines: [TokenWindow] = []
    for window in 0..<windows { lines.append(try self.window(index, window).window) }
    return TextWindows(name: text.name, sha256: text.sha256, context: header.context, windows: lines)
  }

  func rows(text: Int, window: Int) throws(CheckpointError) -> [any RecordedRow] {
    try self.window(text, window).samples
  }
}
