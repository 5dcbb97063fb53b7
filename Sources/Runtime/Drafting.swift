import Base
import Engine

/// How many guesses of a model's draft block were looked at, and how many were right.
package struct DraftFigures: Sendable, Equatable {
  /// Guesses that went through the model.
  package internal(set) var drafted = 0
  /// Those that were the token that was then chosen.
  package internal(set) var accepted = 0
  /// The newest of them, a bit each.
  private var recent: UInt32 = 0

  /// The share of guesses that were right; nil before the first.
  package var acceptanceRate: Double? { drafted == 0 ? nil : Double(accepted) / Double(drafted) }

  /// Whether guessing pays: at least half of the last 32 guesses were right.
  var isWorthwhile: Bool { drafted < UInt32.bitWidth || recent.nonzeroBitCount >= UInt32.bitWidth / 2 }

  mutating func note(_ isRight: Bool) {
    drafted += 1
    if isRight { accepted += 1 }
    recent = recent << 1 | (isRight ? 1 : 0)
  }
}

/// A draft block that follows one sequence and guesses how it goes on.
struct Drafting {
  /// Places that the block has not read, since the token behind the last of them, the newest of the sequence, is not known.
  private struct Held {
    /// As the head reads them, [T, hidden].
    let hidden: Activations
    /// Embeddings of the tokens behind all but the last, [T - 1, hidden].
    let following: Activations
    let positions: Positions

    /// The first of the places.
    func prefix(_ count: Int) -> Held {
      Held(
        hidden: hidden.copy(of: 0..<count), following: following.copy(of: 0..<count - 1),
        positions: positions[0..<count])
    }
  }

  private let block: any DraftBlock
  private let cache: KeyValueCache
  private var held: Held?

  init(_ block: any DraftBlock, capacity: Int) {
    self.block = block
    cache = block.makeState(capacity: capacity)
  }

  /// The places whose following tokens are known with further `embeddings`: those held back, and all of the new tokens but the last.
  private func places(_ embeddings: Activations, hidden: Activations, at positions: Positions) -> DraftPlaces {
    let inner = 0..<embeddings.rows - 1
    guard let held else {
      return DraftPlaces(
        hidden: hidden.copy(of: inner), following: embeddings.copy(of: 1..<embeddings.rows), at: positions[inner])
    }
    return DraftPlaces(
      hidden: .stacked([held.hidden, hidden.copy(of: inner)]), following: .stacked([held.following, embeddings]),
      at: held.positions + positions[inner])
  }

  /// Follows tokens that were read: their embeddings and their hidden states as the head reads them, [T, hidden] each.
  mutating func follow(_ embeddings: Activations, hidden: Activations, at positions: Positions, _ compute: Compute) {
    let known = places(embeddings, hidden: hidden, at: positions)
    if known.positions.count > 0 { block.read(known, cache: cache, compute: compute) }
    let last = hidden.rows - 1..<hidden.rows
    held = Held(hidden: hidden.copy(of: last), following: hidden.copy(of: 0..<0), positions: positions[last])
  }

  /// Up to `count` tokens that may come behind `token`, which was chosen and is going to be read; none before the first token.
  ///
  /// What comes of them goes to ``hold(_:hidden:at:)``.
  mutating func guesses(
    _ count: Int, behind token: Int32, of model: any LanguageModel, _ compute: Compute
  ) throws(CheckpointError) -> [Int32] {
    guard let held else { return [] }
    let known = places(try model.embed([token]), hidden: held.hidden, at: held.positions)
    let last = known.positions.count - 1
    if last > 0 { block.read(known[0..<last], cache: cache, compute: compute) }
    var place = known[last..<last + 1]
    var result: [Int32] = []
    while true {
      let guess = block.guess(place, cache: cache, compute: compute)
      let logits = model.logits(guess, vocabulary: 0..<model.vocabularySize, compute: compute)
      let token = logits.withElements { Sampler.likeliest(UnsafeBufferPointer($0)) }
      result.append(token)
      guard result.count < count else { break }
      place = DraftPlaces(
        hidden: guess, following: try model.embed([token]),
        at: Positions(axes: place.positions.axes.map { $0.map { $0 + 1 } }))
    }
    // What it read of its own making is not the sequence.
    cache.removeLast(count - 1)
    return result
  }

  /// Holds back the places of tokens that were read: a chosen one and guesses behind it.
  mutating func hold(_ embeddings: Activations, hidden: Activations, at positions: Positions) {
    held = Held(hidden: hidden, following: embeddings.copy(of: 1..<embeddings.rows), positions: positions)
  }

  /// Forgets all but the first of the places that are held back.
  mutating func rewind(keeping kept: Int) { held = held?.prefix(kept) }
}
