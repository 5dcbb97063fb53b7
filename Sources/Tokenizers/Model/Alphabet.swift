/// What the words of a vocabulary are spelled in, and which tokens a word is before anything is merged.
protocol Alphabet: Sendable {
  /// How the vocabulary spells a word.
  func spelling(of word: UnsafeBufferPointer<UInt8>) -> String

  /// Appends the token of every symbol of a word; -1 for a symbol that has none.
  func appendSymbols(of word: UnsafeBufferPointer<UInt8>, to symbols: inout [Int32])

  /// The bytes that a token stands for, or nil if it is not spelled in this alphabet.
  func bytes(of token: String) -> [UInt8]?

  /// Whether added tokens are spelled in it too; if not, they stand for their text.
  var spellsAddedTokens: Bool { get }
}
