import Base
import Engine

/// One sequence in progress: a model, what it remembers, and the logits after the newest token.
package struct Session: ~Copyable {
  package let model: any LanguageModel
  package let compute: Compute
  private var state: SequenceState
  /// Tokens read so far, where the model may ask for them again.
  private var history: [Int32] = []
  /// Logits for the token after the newest one; empty before the first.
  package private(set) var logits: [Float] = []

  /// A session before its first token.
  package init(model: any LanguageModel, compute: Compute, capacity: Int = 0) {
    self.model = model
    self.compute = compute
    state = model.makeState(capacity: capacity)
  }

  /// Room to begin with for a prompt and up to `limit` tokens more; most answers end long before a high limit, and caches grow.
  package static func capacity(prompt: Int, limit: Int) -> Int { prompt + min(limit, Chunks.length) }

  /// Tokens seen so far.
  package var count: Int { state.count }

  /// Reads tokens, many at a time, and leaves the logits after the last one.
  ///
  /// When they make the sequence one that is turned otherwise from its first token on, it is read anew.
  package mutating func read(_ tokens: [Int32]) throws(CheckpointError) {
    var tokens = tokens
    let length = state.count + tokens.count
    if model.shortLength < .max {
      history += tokens
      if state.count > 0, state.count <= model.shortLength, length > model.shortLength {
        tokens = history
        state = model.makeState(capacity: Self.capacity(prompt: length, limit: length))
      }
    }
    state.announce(length: length)
    for chunk in Chunks.of(tokens.count) {
      let hidden = try model.forward(Array(tokens[chunk]), state: &state, compute: compute)
      if chunk.upperBound == tokens.count { logits = head(hidden) }
    }
  }

  /// Reads rows, as a prompt with pictures has them, and leaves the logits after the last one.
  package mutating func read(_ input: InputRows) throws(CheckpointError) {
    for piece in model.pieces(of: input) {
      let hidden = try model.forward(input[piece], state: &state, compute: compute)
      if piece.upperBound == input.count { logits = head(hidden) }
    }
  }

  private func head(_ hidden: Activations) -> [Float] {
    let last = model.normed(hidden, rows: hidden.rows - 1..<hidden.rows, compute: compute)
    return model.logits(last, vocabulary: 0..<model.vocabularySize, compute: compute).values
  }

  /// Continues with up to `count` tokens, which `sampler` chooses, until one of `stop` is chosen or `onToken` answers false.
  ///
  /// A stop token is not part of the answer. Needs a session that has read something.
  package mutating func generate(
    _ count: Int, sampler: inout Sampler, stop: Set<Int32>, onToken: (Int32) -> Bool = { _ in true }
  ) throws(CheckpointError) -> [Int32] {
    precondition(!logits.isEmpty, "a session reads a prompt before it continues")
    var tokens: [Int32] = []
    while tokens.count < count {
      let token = logits.withUnsafeBufferPointer { sampler.sample($0) }
      if stop.contains(token) { break }
      tokens.append(token)
      guard onToken(token), tokens.count < count else { break }
      try read([token])
    }
    return tokens
  }
}
