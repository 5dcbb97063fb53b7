import Libc

/// Text that is equal only when its UTF-8 bytes are equal.
///
/// Swift's `String` compares canonically (`"é" == "e\u{301}"`), which makes distinct tensor names and tokens
/// collide as dictionary keys. Use this wherever a file's text is a key.
package struct BinaryString: Hashable, Sendable, Comparable {
  /// The text itself.
  package let text: String

  /// Wraps a text.
  package init(_ text: String) {
    self.text = text
  }

  package static func == (a: BinaryString, b: BinaryString) -> Bool {
    var (first, second) = (a.text, b.text)
    let count = first.utf8.count
    guard count == second.utf8.count else { return false }
    // Byte by byte through iterators takes a tenth of the time in which a model with many experts is planned.
    return first.withUTF8 { first in
      second.withUTF8 { second in
        guard let one = first.baseAddress, let other = second.baseAddress else { return true }
        return memcmp(one, other, count) == 0
      }
    }
  }

  package static func < (a: BinaryString, b: BinaryString) -> Bool {
    a.text.utf8.lexicographicallyPrecedes(b.text.utf8)
  }

  package func hash(into hasher: inout Hasher) {
    var copy = text
    copy.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}

extension String {
  /// Whether the bytes of a text lie somewhere in this one.
  ///
  /// Names are ASCII, for which `contains` does far more than is needed: a model has hundreds of them, held against dozens
  /// of parts.
  package func hasBytes(of part: String) -> Bool {
    var (text, part) = (self, part)
    return text.withUTF8 { text in
      part.withUTF8 { part in
        guard let first = part.first else { return true }
        guard part.count <= text.count else { return false }
        for start in 0...text.count - part.count where text[start] == first {
          if (1..<part.count).allSatisfy({ text[start + $0] == part[$0] }) { return true }
        }
        return false
      }
    }
  }
}
