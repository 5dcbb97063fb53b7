/// Many short texts in one piece of memory: a vocabulary, its merges, a list of metadata.
///
/// Two allocations hold them all, where an array of `String` costs one for most elements. What comes from a GGUF need not be UTF-8: its
/// bytes are kept, and a `String` of it is repaired.
/// What loops over a vocabulary call is inlinable, since it is used across modules.
package struct TextList: Sendable, Equatable, RandomAccessCollection, ExpressibleByArrayLiteral {
  /// The bytes of every text, one after the other.
  package private(set) var bytes: [UInt8] = []
  /// Where each text ends in `bytes`.
  package private(set) var ends: [UInt32] = []

  /// No texts.
  package init() {}

  /// The texts of an array.
  package init(_ texts: [String]) {
    for text in texts { append(text) }
  }

  package init(arrayLiteral elements: String...) { self.init(elements) }

  package var startIndex: Int { 0 }
  package var endIndex: Int { ends.count }

  package subscript(index: Int) -> String { String(decoding: utf8(index), as: UTF8.self) }

  /// Whether a text is lawful UTF-8.
  package func isUTF8(_ index: Int) -> Bool {
    bytes.withUnsafeBytes { Base.isUTF8(UnsafeRawBufferPointer(rebasing: $0[range(index)])) }
  }

  /// The bytes of one text.
  package func utf8(_ index: Int) -> ArraySlice<UInt8> { bytes[range(index)] }

  /// Where the bytes of one text lie in `bytes`.
  @inlinable
  package func range(_ index: Int) -> Range<Int> {
    let start = index == 0 ? 0 : ends[index - 1]
    return Int(start)..<Int(ends[index])
  }

  /// Makes room for so many texts more.
  package mutating func reserve(_ count: Int, bytes byteCount: Int) {
    ends.reserveCapacity(ends.count + count)
    bytes.reserveCapacity(bytes.count + byteCount)
  }

  /// Adds a text.
  package mutating func append(_ text: String) {
    bytes.append(contentsOf: text.utf8)
    end()
  }

  /// Adds a text by its bytes.
  package mutating func append(utf8: UnsafeRawBufferPointer) {
    bytes.append(contentsOf: utf8)
    end()
  }

  /// Adds a text by its bytes.
  package mutating func append(utf8: ArraySlice<UInt8>) {
    bytes.append(contentsOf: utf8)
    end()
  }

  /// Adds the texts of a range of another list.
  package mutating func append(_ indices: Range<Int>, of other: TextList) {
    guard let first = indices.first, let last = indices.last else { return }
    let part = other.range(first).lowerBound..<other.range(last).upperBound
    let start = bytes.count
    bytes.append(contentsOf: other.bytes[part])
    for index in indices {
      ends.append(UInt32(truncatingIfNeeded: start + other.range(index).upperBound - part.lowerBound))
    }
    precondition(bytes.count <= Self.mostBytes, "files whose texts pass 4 GiB are refused before")
  }

  private mutating func end() {
    precondition(bytes.count <= Self.mostBytes, "files whose texts pass 4 GiB are refused before")
    ends.append(UInt32(truncatingIfNeeded: bytes.count))
  }

  private static let mostBytes = Int(UInt32.max)

  /// Texts laid out by the caller.
  ///
  /// - Precondition: `ends` ascends up to the number of bytes.
  package init(bytes: [UInt8], ends: [UInt32]) {
    precondition(Int(ends.last ?? 0) == bytes.count, "the last text ends with the bytes")
    self.bytes = bytes
    self.ends = ends
  }
}
