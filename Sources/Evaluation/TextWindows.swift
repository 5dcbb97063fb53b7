import Tensors
import Tokenizers

/// A text cut into windows of equal length, back to back; what does not fill a window is dropped.
///
/// Control tokens in the text are text like any other, added tokens that are text (`<think>`) are themselves. Where the tokenizer
/// puts a beginning-of-sequence token before a text, it stands before the first window and in place of the first token of every
/// window. Of each window, positions context/2 ... context-2 predict their successors.
package struct TextWindows: Sendable {
  /// What errors and results call the text.
  package let name: String
  /// SHA-256 of the text's bytes.
  package let sha256: String
  /// Tokens of a window.
  package let context: Int
  /// Windows taken.
  package let count: Int
  /// The whole text's tokens, the beginning included.
  let tokens: [Int32]
  private let beginning: Int32?

  /// Tokenizes a text (UTF-8 bytes) and cuts it.
  ///
  /// `limit` says how many windows are taken at most, from the beginning. Throws `mismatch` when the text is too short for one window.
  package init(
    _ text: [UInt8], name: String?, tokenizer: Tokenizer, context: Int, limit: Int? = nil
  ) throws(CheckpointError) {
    precondition(context >= 4, "a window has positions to score")
    let tokens = try Self.tokens(of: text, tokenizer)
    let count = min(tokens.count / context, limit ?? Int.max)
    guard count > 0 else {
      throw CheckpointError(
        .mismatch,
        "the text has \(counted(tokens.count, "token")), too few for one window of \(context); take a longer text or a "
          + "smaller --context", file: name)
    }
    self.name = name ?? "text"
    sha256 = text.withUnsafeBytes { SHA256Hash.hash($0) }
    self.context = context
    self.count = count
    self.tokens = tokens
    beginning = Self.beginning(tokenizer)
  }

  /// The token that this tokenizer puts before a text, if it does.
  private static func beginning(_ tokenizer: Tokenizer) -> Int32? {
    tokenizer.special.isAdded[.beginning] == true ? tokenizer.special[.beginning] : nil
  }

  /// The tokens of a whole text.
  package static func tokens(of text: [UInt8], _ tokenizer: Tokenizer) throws(CheckpointError) -> [Int32] {
    return (beginning(tokenizer).map { [$0] } ?? []) + (try tokenizer.encode(text, addedTokens: .userDefined))
  }

  /// The positions of a window whose successors are predicted.
  package var scored: Range<Int> { context / 2..<context - 1 }

  /// The tokens of a window.
  package subscript(window: Int) -> [Int32] {
    var line = Array(tokens[window * context..<(window + 1) * context])
    if let beginning { line[0] = beginning }
    return line
  }
}
