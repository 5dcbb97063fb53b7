import Architectures
import Tensors

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

  /// The windows in which a model reads it.
  ///
  /// - Throws: `mismatch` when there is not one.
  package func windows(
    _ opened: OpenedModel, context: Int, limit: Int?
  ) throws(CheckpointError) -> TextWindows {
    try TextWindows(bytes, name: name, tokenizer: opened.tokenizer, context: context, limit: limit)
  }
}
