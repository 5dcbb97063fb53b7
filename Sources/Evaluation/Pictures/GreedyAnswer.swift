import Base
import Runtime

/// What a model says when it always takes the likeliest token.
struct GreedyAnswer: Equatable {
  private(set) var tokens: [Int32]
  /// The token that ended it; nil where the limit did.
  private(set) var end: Int32?

  init(tokens: [Int32], end: Int32?) {
    self.tokens = tokens
    self.end = end
  }

  /// Goes on behind tokens that the session has read, up to `limit` of them all.
  ///
  /// - Throws: `malformed` when logits are not numbers, before a token is chosen by them.
  init(
    continuing tokens: [Int32], session: inout Session, limit: Int, stop: Set<Int32>
  ) throws(CheckpointError) {
    self.init(tokens: tokens, end: nil)
    var greedy = Sampler()
    while self.tokens.count < limit {
      try LogitCheck.check(session.logits)
      let token = session.logits.withUnsafeBufferPointer { greedy.sample($0) }
      if stop.contains(token) {
        end = token
        return
      }
      self.tokens.append(token)
      if self.tokens.count < limit { try session.read([token]) }
    }
  }
}
