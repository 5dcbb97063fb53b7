/// What one decoder layer remembers of one sequence.
package enum LayerState {
  /// Keys and values of an attention layer.
  case attention(KeyValueCache)
  /// The memory of a recurrent one.
  case deltaNet(DeltaNetState)

  /// The keys and values, asked for by an attention layer.
  package var cache: KeyValueCache {
    guard case .attention(let cache) = self else { preconditionFailure("the state is one of a recurrent layer") }
    return cache
  }

  /// The memory, asked for by a recurrent layer.
  package var memory: DeltaNetState {
    guard case .deltaNet(let memory) = self else { preconditionFailure("the state is one of an attention layer") }
    return memory
  }
}

extension LayerState {
  /// Takes back what came behind the first `kept` of the `tokens` of the newest call, during which steps were kept.
  func rewind(keeping kept: Int, of tokens: Int) {
    switch self {
    case .attention(let cache): cache.removeLast(tokens - kept)
    case .deltaNet(let memory): memory.rewind(keeping: kept)
    }
  }
}

/// What a model remembers of sequences, layer by layer.
///
/// Usually it is of one. Several go side by side, each as if it were alone, with the same number of tokens in every call: their rows lie one
/// sequence after another, products with weights are shared, and layers mix each with a state of its own. It cannot be copied.
package struct SequenceState: ~Copyable {
  /// Of each layer, one for every sequence.
  package let layers: [[LayerState]]
  /// Sequences side by side.
  package let sequences: Int
  /// Tokens seen so far, of each sequence.
  package private(set) var count = 0
  /// The rotary position of the next text token; behind `count` after pictures, which take fewer positions than tokens.
  package private(set) var nextPosition = 0
  /// Tokens each sequence will have when what is being read in pieces is through; zero where nobody said.
  package private(set) var announced = 0

  /// The state before the first token.
  package init(sequences: Int, _ layers: [[LayerState]]) {
    self.sequences = sequences
    self.layers = layers
  }

  /// Says how long each sequence is going to be, before its pieces are read: some rotary embeddings turn long sequences otherwise.
  package mutating func announce(length: Int) { announced = length }

  /// Says whether the last tokens of calls to come may be taken back: recurrent layers then keep what they were behind each token.
  ///
  /// Such calls are of fewer tokens than those that the delta net works on together.
  package func keepSteps(_ isOn: Bool) {
    for case .deltaNet(let memory) in layers.joined() { memory.keepsSteps = isOn }
  }

  /// Goes back behind the first `kept` tokens, at least one, of the newest call: of so many `tokens` of text, during which steps were kept.
  package mutating func rewind(keeping kept: Int, of tokens: Int) {
    for layer in layers.joined() { layer.rewind(keeping: kept, of: tokens) }
    count -= tokens - kept
    nextPosition -= tokens - kept
  }

  /// Notes that tokens at `positions`, those of all sequences, went through all layers.
  package mutating func advance(_ positions: Positions) {
    count += positions.count / sequences
    for axis in positions.axes {
      for position in axis { nextPosition = max(nextPosition, Int(position) + 1) }
    }
  }
}

extension Activations {
  /// What `body` makes of the rows of each sequence in some matrices, put together again.
  ///
  /// - Parameters:
  ///   - states: one for each sequence, in the order of the rows.
  ///   - matrices: as many rows of each sequence as of the next.
  ///   - body: of one sequence; it may change its rows, and what it returns has one for each of them.
  /// - Returns: those rows, in the order of the sequences.
  package static func bySequence<State>(
    _ states: [State], _ matrices: [Activations], _ body: (State, [Activations]) -> Activations
  ) -> Activations {
    if states.count == 1 { return body(states[0], matrices) }
    let rows = matrices[0].rows
    precondition(rows % states.count == 0, "as many tokens of every sequence")
    let length = rows / states.count
    var result: Activations?
    for (index, state) in states.enumerated() {
      let range = index * length..<(index + 1) * length
      let part = body(state, matrices.map { Activations($0, rows: range) })
      let all = result ?? Activations(rows: rows, columns: part.columns)
      all.replace(from: range.lowerBound, by: part, 0..<length)
      result = all
    }
    return result ?? Activations(rows: 0, columns: 0)
  }
}
