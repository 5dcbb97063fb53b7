import Base
import Engine
import Quants

/// One sequence in progress: a model, what it remembers, and the logits after the newest token.
package struct Session: ~Copyable {
  package let model: any LanguageModel
  package let compute: Compute
  private var state: SequenceState
  /// Tokens read so far, where the model may ask for them again.
  private var history: [Int32] = []
  /// Logits for the token after the newest one; empty before the first.
  package private(set) var logits: [Float] = []
  /// Tokens that are guessed at a time.
  private let guesses: Int
  /// Guesses what comes next; nil where nothing is guessed, or no more.
  private var drafting: Drafting?
  /// Guessed tokens behind the newest one that the model has read already, and the logits after each.
  private var ahead: [(token: Int32, logits: [Float])] = []
  /// Tokens of the call in which they were read, the chosen one before them included.
  private var company = 0
  /// What came of guesses; nil for a session that never had a draft block.
  package private(set) var drafts: DraftFigures?

  /// A session before its first token.
  ///
  /// With a `draft` block, the tokens it guesses, so many at a time, go through the model beside those that are chosen, so that the next logits may be there
  /// when they are asked for; no logit changes.
  package init(
    model: any LanguageModel, compute: Compute, capacity: Int = 0, draft: (any DraftBlock)? = nil, guesses: Int = 1
  ) {
    precondition((1...Self.mostGuesses).contains(guesses), "guesses and a chosen token have the bits they have alone")
    self.model = model
    self.compute = compute
    self.guesses = guesses
    state = model.makeState(capacity: capacity)
    // A sequence that may be read anew cannot be taken back.
    guard let draft, model.shortLength == .max else { return }
    drafting = Drafting(draft, capacity: capacity)
    drafts = DraftFigures()
  }

  /// Tokens that may be guessed at a time: with one more, a product has the bits it has of each token alone.
  package static let mostGuesses = FormatKernels.fewTokens - 1

  /// Room to begin with for a prompt and up to `limit` tokens more; most answers end long before a high limit, and caches grow.
  package static func capacity(prompt: Int, limit: Int) -> Int { prompt + min(limit, Chunks.length) }

  /// Tokens seen so far.
  package var count: Int { state.count - ahead.count }

  /// Reads tokens, many at a time, and leaves the logits after the last one.
  ///
  /// When they make the sequence one that is turned otherwise from its first token on, it is read anew.
  package mutating func read(_ tokens: [Int32]) throws(CheckpointError) {
    rewind()
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
      let input = InputRows(
        try model.embed(Array(tokens[chunk])), at: Positions(text: chunk.count, from: state.nextPosition))
      try follow(input, isLast: chunk.upperBound == tokens.count)
    }
  }

  /// Reads rows, as a prompt with pictures has them, and leaves the logits after the last one.
  package mutating func read(_ input: InputRows) throws(CheckpointError) {
    rewind()
    for piece in model.pieces(of: input) { try follow(input[piece], isLast: piece.upperBound == input.count) }
  }

  /// Reads one token that was chosen, of which `room` more may be asked for.
  package mutating func read(_ token: Int32, room: Int) throws(CheckpointError) {
    if let next = ahead.first, next.token == token {
      (logits, _) = (next.logits, ahead.removeFirst())
      drafts?.note(true)
      return
    }
    for _ in ahead { drafts?.note(false) }
    rewind()
    if drafts?.isWorthwhile == false { drafting = nil }
    let count = min(guesses, room, model.contextLength - state.count - 1)
    guard count > 0, let guesses = try drafting?.guesses(count, behind: token, of: model, compute), !guesses.isEmpty
    else { return try read([token]) }

    let tokens = [token] + guesses
    company = tokens.count
    let positions = Positions(text: tokens.count, from: state.nextPosition)
    let embeddings = try model.embed(tokens)
    state.keepSteps(true)
    let hidden = try model.forward(
      embeddings.copy(of: 0..<tokens.count), at: positions, state: &state, compute: compute)
    state.keepSteps(false)
    let normed = model.normed(hidden, rows: 0..<tokens.count, compute: compute)
    drafting?.hold(embeddings, hidden: normed, at: positions)
    let rows = model.logits(normed, vocabulary: 0..<model.vocabularySize, compute: compute)
    logits = rows.row(0)
    ahead = guesses.enumerated().map { ($1, rows.row($0 + 1)) }
  }

  /// Takes back the guesses that the model has read.
  private mutating func rewind() {
    guard !ahead.isEmpty else { return }
    let kept = company - ahead.count
    state.rewind(keeping: kept, of: company)
    drafting?.rewind(keeping: kept)
    ahead = []
  }

  /// Runs a piece of a text through the model, with the draft block behind it, and leaves the logits if it is the last one.
  private mutating func follow(_ input: InputRows, isLast: Bool) throws(CheckpointError) {
    let embeddings = drafting == nil ? nil : input.embeddings.copy(of: 0..<input.count)
    let hidden = try model.forward(input, state: &state, compute: compute)
    let last = input.count - 1..<input.count
    if let embeddings {
      let normed = model.normed(hidden, rows: 0..<input.count, compute: compute)
      drafting?.follow(embeddings, hidden: normed, at: input.positions, compute)
    }
    guard isLast else { return }
    let normed = model.normed(hidden, rows: last, compute: compute)
    logits = model.logits(normed, vocabulary: 0..<model.vocabularySize, compute: compute).values
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
      try read(token, room: count - tokens.count - 1)
    }
    return tokens
  }
}
