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
