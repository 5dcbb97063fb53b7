import Base

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

extension FirstDifference {
  /// The lengths after which shares are told, within the continuation.
  package var marks: [Int] { [1, 8, 16, 32, 48].filter { $0 <= length } }

  var json: OrderedJSON {
    var shares = OrderedObject()
    for mark in marks { shares["\(mark)"] = .number(share(after: mark)) }
    return .object([
      "tokens": .integer(Int64(length)), "prompts": .integer(Int64(identical.count)), "median": .number(median),
      "identical_after": .object(shares), "per_prompt": .array(identical.map { .integer(Int64($0)) }),
    ])
  }
}
