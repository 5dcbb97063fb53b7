import Text

/// The characters that SentencePiece vocabularies are spelled in: text as it is, but U+2581 for a space.
struct PieceAlphabet: Alphabet {
  /// The visible character in the place of a space.
  static let spaceMark = "\u{2581}"
  /// The same in UTF-8.
  static let spaceBytes: [UInt8] = [0xE2, 0x96, 0x81]

  private let table: TokenTable
  /// The token of each ASCII character, or -1.
  private let ascii: [Int32]
  /// The tokens `<0x00>` to `<0xFF>`, which spell a character without a token; -1 where one is missing.
  private let byteTokens: [Int32]
  private let fallsBack: Bool
  private let marksSpaces: Bool

  /// - Parameters:
  ///   - table: the tokens by their texts.
  ///   - byteFallback: whether a character without a token is spelled by the tokens of its bytes.
  ///   - marksSpaces: whether U+2581 decodes to a space.
  init(_ table: TokenTable, byteFallback: Bool, marksSpaces: Bool) {
    self.table = table
    self.marksSpaces = marksSpaces
    fallsBack = byteFallback
    ascii = (UInt8(0)..<128).map { table.value(of: String(Unicode.Scalar($0))) ?? -1 }
    byteTokens = byteFallback ? (UInt8.min...UInt8.max).map { table.value(of: Self.text(of: $0)) ?? -1 } : []
  }

  var spellsAddedTokens: Bool { true }

  func spelling(of word: UnsafeBufferPointer<UInt8>) -> String { String(decoding: word, as: UTF8.self) }

  func appendSymbols(of word: UnsafeBufferPointer<UInt8>, to symbols: inout [Int32]) {
    let raw = UnsafeRawBufferPointer(word)
    var position = 0
    while position < word.count {
      let lead = word[position]
      let length = lead < 0x80 ? 1 : DecodedCharacter(word, at: position, end: word.count).length
      let end = position + length
      let token = lead < 0x80 ? ascii[Int(lead)] : table.value(of: raw, position..<end) ?? -1
      if token >= 0 { symbols.append(token) } else { appendFallback(of: word[position..<end], to: &symbols) }
      position = end
    }
  }

  /// Appends the tokens of bytes that no token spells; -1, once, where there are none.
  func appendFallback(of bytes: Slice<UnsafeBufferPointer<UInt8>>, to symbols: inout [Int32]) {
    guard fallsBack, bytes.allSatisfy({ byteTokens[Int($0)] >= 0 }) else { return symbols.append(-1) }
    for byte in bytes { symbols.append(byteTokens[Int(byte)]) }
  }

  func bytes(of token: String) -> [UInt8]? {
    if fallsBack, let byte = Self.byte(of: token) { return [byte] }
    guard marksSpaces, token.utf8.contains(0xE2) else { return Array(token.utf8) }
    var result: [UInt8] = []
    for scalar in token.unicodeScalars {
      if scalar.value == 0x2581 { result.append(0x20) } else { result += String(scalar).utf8 }
    }
    return result
  }

  /// The token of a byte, as it is spelled.
  static func text(of byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return "<0x\(byte < 16 ? "0" : "")\(digits)>"
  }

  /// The byte of a token spelled `<0x41>`.
  static func byte(of token: String) -> UInt8? {
    let text = token.utf8
    guard text.count == 6, token.hasPrefix("<0x"), token.hasSuffix(">") else { return nil }
    let digits = token.dropFirst(3).dropLast()
    guard digits.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else { return nil }
    return UInt8(digits, radix: 16)
  }
}
