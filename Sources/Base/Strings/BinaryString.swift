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
    a.text.utf8.elementsEqual(b.text.utf8)
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
