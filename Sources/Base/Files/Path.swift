/// A path taken apart.
///
/// By bytes: a mark that combines would make one character of a slash and itself.
package struct Path: Sendable {
  package let text: String

  package init(_ text: String) { self.text = text }

  private var nameStart: String.Index {
    text.utf8.lastIndex(of: UInt8(ascii: "/")).map { text.utf8.index(after: $0) } ?? text.startIndex
  }

  /// The last part: nothing after a slash at the end.
  package var name: String { String(text[nameStart...]) }

  /// All before the last part, its slash included; empty for a name alone.
  package var prefix: String { String(text[..<nameStart]) }

  /// The folder it lies in: `.` for a name alone.
  package var folder: String {
    let prefix = prefix
    return prefix.isEmpty ? "." : prefix == "/" ? prefix : String(Substring(prefix.utf8.dropLast()))
  }

  /// The path without slashes at its end; the root stays.
  package var trimmed: Path {
    var rest = text.utf8[...]
    while rest.count > 1, rest.last == UInt8(ascii: "/") { rest.removeLast() }
    return Path(String(Substring(rest)))
  }

  /// The path without an ending, such as `.gguf`, if it has more than that.
  package func without(_ ending: String) -> String {
    let (all, last) = (text.utf8, ending.utf8)
    guard all.count > last.count, all.suffix(last.count).elementsEqual(last) else { return text }
    return String(Substring(all.dropLast(last.count)))
  }

  /// Whether it is a name that stays in its folder: no separator, no `..`, no control character.
  package var isPlain: Bool {
    !text.isEmpty && text != "." && text != ".." && text.utf8.count <= 255
      && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "\\") }
  }

  /// What its name says of the model it is a part of; nil when it is not named like a shard.
  package var shard: Shard? { Shard(text) }

  /// One of several files that are one model: `NAME-00001-of-00003.gguf`, or `.safetensors`.
  package struct Shard: Sendable {
    /// All before `-00001-of-00003`, folder included.
    package let stem: String
    /// The 1-based number.
    package let number: Int
    /// How many there are.
    package let count: Int
    /// What follows: `.gguf` or `.safetensors`.
    package let ending: String

    package init(stem: String, number: Int, count: Int, ending: String) {
      self.stem = stem
      self.number = number
      self.count = count
      self.ending = ending
    }

    fileprivate init?(_ path: String) {
      guard let ending = [".gguf", ".safetensors"].first(where: { path.hasSuffix($0) }) else { return nil }
      let bytes = path.utf8.dropLast(ending.utf8.count)
      let pattern = Array(bytes.suffix(Self.patternLength))
      guard bytes.count > Self.patternLength, pattern[0] == UInt8(ascii: "-"),
        pattern[6..<10].elementsEqual("-of-".utf8), let number = Self.digits(pattern[1..<6]),
        let count = Self.digits(pattern[10..<15]), number >= 1, number <= count
      else { return nil }
      self.init(
        stem: String(decoding: bytes.dropLast(Self.patternLength), as: UTF8.self), number: number, count: count,
        ending: ending)
    }

    /// The path of this file.
    package var path: String { stem + Self.suffix(number, of: count) + ending }

    /// The paths of all files, in order.
    package var siblings: [String] { (1...count).map { stem + Self.suffix($0, of: count) + ending } }

    /// `-00001-of-00003`.
    package static func suffix(_ number: Int, of count: Int) -> String { "-\(padded(number))-of-\(padded(count))" }

    /// Whether two files belong to one model, going by their names.
    package func isSibling(of other: Shard) -> Bool {
      BinaryString(stem) == BinaryString(other.stem) && count == other.count && ending == other.ending
    }

    private static let patternLength = 15

    /// Five digits with leading zeros.
    private static func padded(_ number: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, 5 - text.count)) + text
    }

    private static func digits(_ text: ArraySlice<UInt8>) -> Int? {
      var value = 0
      for byte in text {
        guard (0x30...0x39).contains(byte) else { return nil }
        value = value * 10 + Int(byte - 0x30)
      }
      return value
    }
  }
}
