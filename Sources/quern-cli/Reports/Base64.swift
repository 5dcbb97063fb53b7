/// Bytes as text, by RFC 4648 with padding.
enum Base64 {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func text(_ bytes: [UInt8]) -> String {
    var result: [UInt8] = []
    result.reserveCapacity((bytes.count + 2) / 3 * 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let part = bytes[start..<min(start + 3, bytes.count)]
      var bits = part.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - part.count))
      var group = [UInt8](repeating: UInt8(ascii: "="), count: 4)
      for place in (0..<4).reversed() {
        if place <= part.count { group[place] = alphabet[bits & 63] }
        bits >>= 6
      }
      result += group
    }
    return String(decoding: result, as: UTF8.self)
  }
}

extension HTML {
  /// Base64, which holds nothing that the language knows.
  init(base64 text: String) {
    precondition(
      text.utf8.allSatisfy { $0 != UInt8(ascii: "<") && $0 != UInt8(ascii: "\"") }, "base64 and nothing else")
    self.init(unescaped: text)
  }
}
