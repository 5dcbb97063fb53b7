import Base

/// How the texts of tokens become text, in vocabularies that are spelled in it.
struct PieceDecoder: Sendable, Equatable {
  /// U+2581 stands for a space.
  var marksSpaces = true
  /// Tokens spelled `<0x41>` are bytes.
  var joinsBytes = true
  /// So many spaces at the beginning are left out.
  var leadingSpaces = 0
  /// Marks at the beginning of the first token are left out.
  var dropsFirstMarks = false

  /// The text of tokens: bytes that are not UTF-8 together become one replacement character each.
  func text(of ids: [Int32], _ vocabulary: Vocabulary) -> [UInt8] {
    var output: [UInt8] = []
    var bytes: [UInt8] = []
    func flush() {
      if String(validating: bytes, as: UTF8.self) != nil {
        output += bytes
      } else {
        for _ in bytes { output += "\u{FFFD}".utf8 }
      }
      bytes = []
    }
    for (place, id) in ids.enumerated() {
      guard vocabulary.texts.indices.contains(Int(id)) else { continue }
      if joinsBytes, let byte = PieceAlphabet.byte(of: vocabulary.texts[Int(id)]) {
        bytes.append(byte)
        continue
      }
      flush()
      var text = vocabulary.bytes(of: id)[...]
      if place == 0, dropsFirstMarks { text = text.drop { $0 == 0x20 } }
      output += text
    }
    flush()
    let spaces = min(leadingSpaces, output.prefix { $0 == 0x20 }.count)
    output.removeFirst(spaces)
    return output
  }
}
