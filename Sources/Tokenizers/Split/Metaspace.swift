/// Spaces made visible: a mark in the place of each, and one before a text that has none there.
struct Metaspace: Sendable, Equatable {
  /// Where a mark goes before text that does not begin with one.
  enum Prefix: String, Sendable {
    /// Before the beginning of the whole text.
    case first
    /// Before every stretch between added tokens, and every piece of the stages before.
    case always
    case never
  }

  /// The character in the place of a space, in UTF-8.
  let mark: [UInt8]
  let prefix: Prefix
  /// Text is cut before every mark.
  let splits: Bool

  /// A stretch of text, marked.
  ///
  /// - Parameters:
  ///   - text: the text.
  ///   - isFirst: whether it is the beginning of the whole text.
  /// - Returns: the text with marks for spaces.
  func marked(_ text: UnsafeBufferPointer<UInt8>, isFirst: Bool) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count + text.count / 2 + mark.count)
    let hasMark = text.starts(with: mark) || text.first == 0x20
    if prefix == .always || prefix == .first && isFirst, !hasMark, !text.isEmpty { result += mark }
    for byte in text { if byte == 0x20 { result += mark } else { result.append(byte) } }
    return result
  }
}
