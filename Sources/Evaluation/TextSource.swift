import Base
import Runtime

/// A text to compare models on, before any tokenizer has read it.
package struct TextSource: Sendable {
  /// What errors and results call it.
  package let name: String
  /// UTF-8.
  package let bytes: [UInt8]

  package init(name: String, bytes: [UInt8]) {
    self.name = name
    self.bytes = bytes
  }

  /// The windows in which a model reads it; conversations in the form that `before` gives them.
  ///
  /// - Throws: `mismatch` when there is not one, and what ``Conversations`` throws.
  package func windows(
    _ opened: OpenedModel, before: OpenedModel, context: Int, limit: Int?
  ) throws(CheckpointError) -> TextWindows {
    guard Conversations.isNamed(by: name) else {
      return try TextWindows(bytes, name: name, tokenizer: opened.tokenizer, context: context, limit: limit)
    }
    return try Conversations(bytes, name: name).windows(
      opened, template: before.checkpoint, sha256: bytes.withUnsafeBytes { SHA256Hash.hash($0) }, context: context,
      limit: limit)
  }
}
