/// Turns tokens into text one at a time, holding back characters whose bytes are not all there yet.
package struct StreamingDecoder: Sendable {
  private let tokenizer: Tokenizer
  private let skipsControl: Bool
  private var pending: [UInt8] = []

  /// A decoder at the start of a text.
  ///
  /// - Parameters:
  ///   - tokenizer: whose tokens they are.
  ///   - skipsControl: leaves control tokens out.
  package init(_ tokenizer: Tokenizer, skipsControl: Bool = false) {
    self.tokenizer = tokenizer
    self.skipsControl = skipsControl
  }

  /// The text that one more token completes; often a word, sometimes nothing.
  package mutating func append(_ id: Int32) -> String {
    if !(skipsControl && tokenizer.isControl(id)) { pending += tokenizer.vocabulary.bytes(of: id) }
    let kept = Self.unfinished(pending)
    let text = String(decoding: pending.dropLast(kept), as: UTF8.self)
    pending.removeFirst(pending.count - kept)
    return text
  }

  /// What is left at the end: replacement characters for bytes that never became a character.
  package mutating func finish() -> String {
    defer { pending = [] }
    return String(decoding: pending, as: UTF8.self)
  }

  /// How many bytes at the end are the beginning of a character that more bytes could complete.
  private static func unfinished(_ bytes: [UInt8]) -> Int {
    for count in 1...3 where count <= bytes.count {
      let lead = bytes[bytes.count - count]
      if lead & 0xC0 == 0x80 { continue }
      let needed =
        switch lead {
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: 1
        }
      guard count < needed else { return 0 }
      guard count > 1 else { return count }
      // The second byte is narrower for overlong forms, surrogates and what lies above Unicode.
      let second = bytes[bytes.count - count + 1]
      let lowest: UInt8 = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80
      let highest: UInt8 = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF
      return (lowest...highest).contains(second) ? count : 0
    }
    return 0
  }
}
