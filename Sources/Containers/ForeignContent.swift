import Base

/// Recognises what is often found in place of a model's file: a pointer, an error page, an archive, a cut download.
///
/// The one place that knows; everything that opens weights or reads a document asks it, so that a file is called by the same name
/// whether it was named itself, lies in a folder, or is one of an index's.
package enum ForeignContent {
  /// What was expected.
  package enum Place: Sendable {
    case weights, document, template, importance, recipe
  }

  /// How much of a file's beginning is looked at.
  static let length = 512

  /// Refuses a file whose beginning is something else.
  ///
  /// - Throws: `malformed` or `unsupported`, saying what the file is; nothing for one that is not recognised.
  static func refuse(in file: InputFile, where place: Place) throws(CheckpointError) {
    let start = try file.readBytes(at: 0, count: Int(min(file.size, UInt64(length))))
    try refuse(start, file: file.path, where: place)
  }

  /// Refuses a file that begins with these bytes, of which there are `length` if the file has so many.
  package static func refuse(_ start: some Collection<UInt8>, file: String, where place: Place) throws(CheckpointError)
  {
    let start = Array(start.prefix(length))
    guard !start.isEmpty else { throw CheckpointError(.malformed, "the file is empty", file: file) }
    guard let what = sentence(start, place) else { return }
    throw CheckpointError(.unsupported, what, file: file)
  }

  /// What stands in place of a text: a pointer, a web page, text in UTF-16 without a mark; nil for what may be a text.
  package static func inPlaceOfText(_ bytes: [UInt8]) -> String? {
    bytes.isEmpty ? nil : sentence(Array(bytes.prefix(length)), .template)
  }

  /// What the beginning of a file says it is; nil for what is not recognised.
  private static func sentence(_ start: [UInt8], _ place: Place) -> String? {
    if start.count >= 16, start.allSatisfy({ $0 == 0 }) {
      return "the file begins with nothing but zeros: \(UnfinishedDownload.words)"
    }
    if let known = known.first(where: { start.starts(with: $0.start) }) {
      let remedy = known.isWeights && place == .weights ? "; get the safetensors form of this model" : ""
      return "this is \(known.what)" + remedy
    }
    if place == .document || place == .template || place == .recipe, let width = wideText(start) {
      return "this text is UTF-\(width); save it as UTF-8"
    }
    let text = String(decoding: start, as: UTF8.self).drop { $0.isWhitespace || $0 == "\u{FEFF}" }
    // A template may begin with any markup but that of a page.
    if text.hasPrefix("<"), place != .template || isPage(text) { return markup(text) }
    if place == .recipe, text.hasPrefix("{") { return "this is a JSON document, not a recipe" }
    switch place {
    case .weights where text.hasPrefix("{") && start.count > 8 && start[8] != UInt8(ascii: "{"):
      return "this is a JSON document and holds no weights"
    case .weights where start.starts(with: GGUFFormat.magic):
      return "this is a GGUF whose name says otherwise; name it itself"
    case .template, .recipe: return nil
    default: return plain(text)
    }
  }

  private static let known: [(start: [UInt8], what: String, isWeights: Bool)] = [
    (
      Array("version https://git-lfs".utf8), "a Git LFS pointer, not the file itself; fetch it (git lfs pull)", false
    ),
    (Array("quernbsl".utf8), "a baseline, which stands for BEFORE in quern validate and is not a model", false),
    (Array("_logits_".utf8), "a base file of llama-perplexity, which stands for BEFORE in quern validate", false),
    (Array("FUGG".utf8), "a GGUF with its bytes in big-endian order; only little-endian files are read", false),
    (Array("lmgg".utf8), "GGML, a format before GGUF; convert the original model again", false),
    (Array("fmgg".utf8), "GGMF, a format before GGUF; convert the original model again", false),
    (Array("tjgg".utf8), "GGJT, a format before GGUF; convert the original model again", false),
    ([0x50, 0x4B, 0x03, 0x04], "a zip archive, as PyTorch writes them", true),
    ([0x89, 0x48, 0x44, 0x46], "HDF5, which is not read", true),
    ([0x1F, 0x8B], "compressed by gzip; unpack it first", false),
    ([0x28, 0xB5, 0x2F, 0xFD], "compressed by zstd; unpack it first", false),
    ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "compressed by xz; unpack it first", false),
    ([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], "a 7z archive; unpack it first", false),
    ([0x80, 0x02], pickle, true), ([0x80, 0x03], pickle, true), ([0x80, 0x04], pickle, true),
    ([0x80, 0x05], pickle, true),
  ]

  private static let pickle = "a Python pickle, which runs code when read"

  /// The width of the characters of a text that has more than a byte for each.
  private static func wideText(_ start: [UInt8]) -> Int? {
    guard start.count >= 4 else { return nil }
    if Array(start[..<4]) == [0, 0, 0xFE, 0xFF] || Array(start[..<4]) == [0xFF, 0xFE, 0, 0] { return 32 }
    if start.starts(with: [0xFF, 0xFE]) || start.starts(with: [0xFE, 0xFF]) { return 16 }
    // Without a mark: every other byte of ASCII is zero.
    return (start[0] == 0) != (start[1] == 0) && (start[2] == 0) != (start[3] == 0) ? 16 : nil
  }

  private static func isPage(_ text: Substring) -> Bool {
    let start = text.prefix(14).lowercased()
    return ["<!doctype html", "<html", "<?xml", "<error>"].contains { start.hasPrefix($0) }
  }

  /// A web page, or the XML in which storage services say what went wrong.
  private static func markup(_ text: Substring) -> String {
    guard text.hasPrefix("<?xml") || text.hasPrefix("<Error") else {
      return "this is a web page, not the file itself; the download went wrong"
    }
    var code = ""
    if let open = text.firstRange(of: "<Code>"), let close = text[open.upperBound...].firstRange(of: "</Code>") {
      code = " (\(text[open.upperBound..<close.lowerBound].prefix(60)))"
    }
    return "this is an XML document, as servers send in place of a file\(code); the download went wrong"
  }

  /// What servers say in plain words, such as `Entry not found`.
  private static func plain(_ text: Substring) -> String? {
    guard let first = text.first, first.isASCII, first.isLetter, text.utf8.count < length,
      text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) || $0 == 0x0A || $0 == 0x0D }), text.contains(" ")
    else { return nil }
    let quoted = text.split(whereSeparator: \.isNewline).first?.prefix(60) ?? ""
    return "this is a text (\"\(quoted)\"), not the file itself; the download went wrong"
  }
}
