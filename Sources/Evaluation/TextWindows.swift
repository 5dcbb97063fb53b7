import Base
import Tokenizers

/// A text as the windows in which models read it; of each, some tokens are predicted.
///
/// Plain text is cut into windows of equal length, back to back, and what does not fill one is dropped. Control tokens in it are text like
/// any other, added tokens that are text (`<think>`) are themselves. Where the tokenizer puts a beginning-of-sequence token before a text,
/// it stands before the first window and in place of the first token of every window. Positions context/2 ... context-2 predict their
/// successors. For conversations see ``Conversations``.
package struct TextWindows: Sendable {
  /// What errors and results call the text.
  package let name: String
  /// SHA-256 of the text's bytes.
  package let sha256: String
  /// Tokens of a window, at most.
  package let context: Int
  /// In their order.
  package let windows: [TokenWindow]
  /// What was left out and why, one sentence each.
  package var notes: [String] = []

  package var count: Int { windows.count }

  /// Tokens that are predicted, in all windows.
  package var tokensScored: Int { windows.reduce(0) { $0 + $1.scored.count } }

  package init(name: String, sha256: String, context: Int, windows: [TokenWindow], notes: [String] = []) {
    self.name = name
    self.sha256 = sha256
    self.context = context
    self.windows = windows
    self.notes = notes
  }

  /// Tokenizes a plain text (UTF-8 bytes) and cuts it.
  ///
  /// `limit` says how many windows are taken at most, from the beginning.
  /// - Throws: `mismatch` when the text is too short for one window.
  package init(
    _ text: [UInt8], name: String?, tokenizer: Tokenizer, context: Int, limit: Int? = nil
  ) throws(CheckpointError) {
    precondition(context >= 4, "a window has positions to score")
    let tokens =
      (tokenizer.beginning.map { [$0] } ?? []) + (try tokenizer.encode(text, addedTokens: .userDefined))
    let count = min(tokens.count / context, limit ?? Int.max)
    guard count > 0 else {
      throw CheckpointError(
        .mismatch,
        "the text has \(counted(tokens.count, "token")), too few for one window of \(context)", file: name,
        remedy: .shortenContext)
    }
    self.init(
      name: name ?? "text", sha256: text.withUnsafeBytes { SHA256Hash.hash($0) }, context: context,
      windows: Self.backToBack(tokens, count: count, context: context, tokenizer))
  }

  /// The first windows of tokens; what the tokenizer puts before a text stands in place of the first token of each.
  static func backToBack(_ tokens: [Int32], count: Int, context: Int, _ tokenizer: Tokenizer) -> [TokenWindow] {
    let scored = Array(context / 2..<context - 1)
    return (0..<count).map { window in
      var line = Array(tokens[window * context..<(window + 1) * context])
      if let beginning = tokenizer.beginning { line[0] = beginning }
      return TokenWindow(tokens: line, scored: scored)
    }
  }

  package subscript(window: Int) -> TokenWindow { windows[window] }

  /// Where another tokenizer reads the same text otherwise: the number of the first different token and the ids there.
  func firstDifference(from other: TextWindows) -> (place: Int, own: Int32?, other: Int32?)? {
    var place = 0
    for (index, window) in windows.enumerated() {
      let tokens = index < other.count ? other[index].tokens : []
      for token in window.tokens.indices where token >= tokens.count || tokens[token] != window.tokens[token] {
        return (place + token, window.tokens[token], token < tokens.count ? tokens[token] : nil)
      }
      if tokens.count > window.tokens.count { return (place + window.tokens.count, nil, tokens[window.tokens.count]) }
      place += window.tokens.count
    }
    return nil
  }
}
