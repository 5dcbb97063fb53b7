/// Places of a sequence as a block reads them that guesses tokens.
package struct DraftPlaces {
  /// The hidden state of each place as the head reads it, behind the last norm: [T, hidden].
  package let hidden: Activations
  /// The embedding of the token that follows each place: [T, hidden].
  package let following: Activations
  /// The position of each place.
  package let positions: Positions

  package init(hidden: Activations, following: Activations, at positions: Positions) {
    precondition(
      hidden.rows == following.rows && positions.count == hidden.rows, "a token and a position for each place")
    (self.hidden, self.following, self.positions) = (hidden, following, positions)
  }

  /// A copy of some of the places.
  package subscript(range: Range<Int>) -> DraftPlaces {
    DraftPlaces(hidden: hidden.copy(of: range), following: following.copy(of: range), at: positions[range])
  }
}

/// A small block beside a language model that guesses, from a hidden state and the token that was chosen by it, the token after that one.
///
/// It holds weights only; what it remembers of a sequence is the cache one passes in.
package protocol DraftBlock: Sendable {
  /// What it remembers before the first place of a sequence, with room for `capacity` places before it has to grow.
  func makeState(capacity: Int) -> KeyValueCache
  /// Remembers further places of a sequence, for which nothing is to be guessed.
  func read(_ places: DraftPlaces, cache: KeyValueCache, compute: Compute)
  /// Remembers one more place, and returns what the model's head reads for a guess there, [1, hidden]; a further guess reads it as the hidden
  /// state of the next place.
  func guess(_ place: DraftPlaces, cache: KeyValueCache, compute: Compute) -> Activations
}
