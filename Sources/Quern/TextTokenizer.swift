import Architectures
import Base
import Tokenizers

/// Text to token ids and back, as the model's authors' tokenizer does it.
public struct TextTokenizer: Sendable {
  let tokenizer: Tokenizer

  init(_ tokenizer: Tokenizer) { self.tokenizer = tokenizer }

  /// Opens a tokenizer; needs only its files.
  ///
  /// - Parameter source: a model, a folder with `tokenizer.json`, or that file.
  /// - Throws: `missing` when there is no tokenizer, `unsupported` or `malformed` for one that cannot be followed to the letter.
  public init(_ source: String) throws(QuernError) {
    tokenizer = try told { () throws(CheckpointError) in try TokenizerSource.open(source).tokenizer }
  }

  /// Ids there are; each is at least 0 and below this.
  public var vocabularySize: Int { tokenizer.vocabularySize }

  /// The token ids of a text; added tokens that are written in it, such as `<|im_start|>`, are recognised.
  ///
  /// - Throws: `unsupported` for a text that the tokenizer's rules have no answer to.
  public func encode(_ text: String) throws(QuernError) -> [Int32] {
    try told { () throws(CheckpointError) in try tokenizer.encode(text) }
  }

  /// The text of token ids; bytes that are not a character become U+FFFD, and unknown ids nothing.
  public func decode(_ tokens: [Int32]) -> String { tokenizer.decode(tokens) }
}
