/// How long the likeliest continuations of two models stay the same.
package struct FirstDifference: Sendable, Equatable {
  /// Tokens of each continuation: one that is the same throughout counts as this.
  package let length: Int
  /// Tokens of the prompt before it.
  package let promptLength: Int
  /// Of each prompt, how many tokens are the same.
  package let identical: [Int]

  package init(length: Int, promptLength: Int, identical: [Int]) {
    self.length = length
    self.promptLength = promptLength
    self.identical = identical
  }

  /// The share of prompts whose continuations are the same for at least so many tokens.
  package func share(after tokens: Int) -> Double {
    Double(identical.count { $0 >= tokens }) / Double(max(1, identical.count))
  }

  /// The median of `identical`.
  package var median: Double { Percentiles(identical.map(Double.init))[0.5] }
}
