/// The name of one of several files that are one model: `NAME-00001-of-00003.gguf`, or `.safetensors`.
package struct ShardName: Sendable {
  /// All before `-00001-of-00003`, folder included.
  package let stem: String
  /// The 1-based number.
  package let number: Int
  /// How many there are.
  package let count: Int
  /// What follows: `.gguf` or `.safetensors`.
  package let ending: String

  /// Takes a path apart; nil when it is not named like a shard.
  package init?(_ path: String) {
    guard let ending = [".gguf", ".safetensors"].first(where: { path.hasSuffix($0) }) else { return nil }
    let bytes = path.utf8.dropLast(ending.utf8.count)
    let pattern = Array(bytes.suffix(Self.patternLength))
    guard bytes.count > Self.patternLength, pattern[0] == UInt8(ascii: "-"),
      pattern[6..<10].elementsEqual("-of-".utf8), let number = Self.digits(pattern[1..<6]),
      let count = Self.digits(pattern[10..<15]), number >= 1, number <= count
    else { return nil }
    stem = String(decoding: bytes.dropLast(Self.patternLength), as: UTF8.self)
    self.number = number
    self.count = count
    self.ending = ending
  }

  /// Whether two files belong to one model, going by their names.
  package func isSibling(of other: ShardName) -> Bool {
    BinaryString(stem) == BinaryString(other.stem) && count == other.count && ending == other.ending
  }

  private static let patternLength = 15

  private static func digits(_ text: ArraySlice<UInt8>) -> Int? {
    var value = 0
    for byte in text {
      guard (0x30...0x39).contains(byte) else { return nil }
      value = value * 10 + Int(byte - 0x30)
    }
    return value
  }
}
