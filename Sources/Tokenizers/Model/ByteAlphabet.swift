/// The visible characters GPT-2 gave to the 256 bytes, in which byte-level vocabularies are spelled.
///
/// Printable Latin-1 stands for itself; the other 68 bytes take the characters from U+0100 on, in order.
struct ByteAlphabet: Alphabet {
  /// The character of each byte.
  private static let characters: [UInt32] = {
    var next: UInt32 = 256
    return (UInt32(0)..<256).map { byte in
      if (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || (0xAE...0xFF).contains(byte) { return byte }
      defer { next += 1 }
      return next
    }
  }()

  /// The byte of each character below U+0144, or -1.
  private static let bytes: [Int16] = {
    var table = [Int16](repeating: -1, count: 324)
    for (byte, character) in characters.enumerated() { table[Int(character)] = Int16(byte) }
    return table
  }()

  /// The token of each byte, or -1.
  private let tokens: [Int32]

  /// Looks up the tokens of the bytes.
  init(_ table: TokenTable) {
    tokens = (UInt8.min...UInt8.max).map { table.value(of: Self.text(of: [$0])) ?? -1 }
  }

  var spellsAddedTokens: Bool { false }

  func spelling(of text: UnsafeBufferPointer<UInt8>) -> String { Self.text(of: text) }

  func appendSymbols(of text: UnsafeBufferPointer<UInt8>, to symbols: inout [Int32]) {
    for byte in text { symbols.append(tokens[Int(byte)]) }
  }

  func bytes(of text: String) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      guard scalar.value < 324, Self.bytes[Int(scalar.value)] >= 0 else { return nil }
      result.append(UInt8(truncatingIfNeeded: Self.bytes[Int(scalar.value)]))
    }
    return result
  }

  private static func text(of bytes: some Sequence<UInt8>) -> String {
    var result = String.UnicodeScalarView()
    for byte in bytes {
      if let scalar = Unicode.Scalar(characters[Int(byte)]) { result.append(scalar) }
    }
    return String(result)
  }
}
