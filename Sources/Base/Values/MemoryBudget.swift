/// The memory that what is read of one file may still take.
///
/// Lengths in a file are held against its bytes, but a parsed value takes many times the bytes it is written with: one
/// byte of JSON can become fifty of memory. What a reader keeps is charged here first, by what it costs.
package struct MemoryBudget: Sendable {
  /// All that may be taken.
  package let limit: Int
  /// What may still be taken.
  package private(set) var left: Int

  /// The budget of a file: with what is mapped and computed beside it a run stays well below 600 MiB.
  package static let file = 192 << 20
  /// The budget of all small documents of a folder together.
  package static let documents = 96 << 20

  /// The longest tokenizer.json that is read or written: three times that of the largest published vocabulary.
  package static let longestTokenizer: UInt64 = 96 << 20

  package init(_ limit: Int = file) {
    self.limit = limit
    left = limit
  }

  /// Takes bytes.
  ///
  /// - Throws: `malformed` when there are not so many left.
  package mutating func take(_ bytes: Int) throws(CheckpointError) {
    guard bytes <= left else { throw Self.exceeded(limit) }
    left -= bytes
  }

  static func exceeded(_ limit: Int) -> CheckpointError {
    CheckpointError(.malformed, "what the file describes would take more than \(limit >> 20) MiB of memory")
  }
}
