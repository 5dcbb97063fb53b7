/// The visible characters GPT-2 gave to the 256 bytes, in which byte-level vocabularies are spelled.
///
/// Printable Latin-1 stands for itself; the other 68 bytes take the characters from U+0100 on, in order.
enum ByteAlphabet {
  /// The character of each byte.
  static let characters: [UInt32] = {
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

  /// The bytes a token's text spells, or nil if a character of it stands for none.
  static func bytes(of text: String) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      guard scalar.value < 324, bytes[Int(scalar.value)] >= 0 else { return nil }
      result.append(UInt8(truncatingIfNeeded: bytes[Int(scalar.value)]))
    }
    return result
  }

  /// The text that spells bytes.
  static func text(of bytes: some Sequence<UInt8>) -> String {
    var result = String.UnicodeScalarView()
    for byte in bytes {
      if let scalar = Unicode.Scalar(characters[Int(byte)]) { result.append(scalar) }
    }
    return String(result)
  }
}
