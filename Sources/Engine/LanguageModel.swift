import Base

/// Sees the hidden states behind each decoder layer: the layer's number and [T, hidden].
package typealias LayerObserver = (_ layer: Int, _ hidden: Activations) -> Void

/// A causal language model: rows of hidden states in, the next hidden states out, and logits of those rows one asks for.
///
/// It holds weights only; what it remembers of a sequence is the `SequenceState` one passes in.
package protocol LanguageModel: Sendable {
  /// Rows of the embedding table; logits have as many columns.
  var vocabularySize: Int { get }
  /// Width of a hidden state.
  var hiddenSize: Int { get }
  /// Decoder layers.
  var layerCount: Int { get }
  /// The longest sequence the model is made for.
  var contextLength: Int { get }
  /// The most tokens of a sequence that is turned as short ones are: a longer one is turned otherwise from its first token on, so that what was
  /// remembered of it is of no use. ``SequenceState/announce(length:)`` says beforehand what is coming.
  var shortLength: Int { get }

  /// Whether the tokens of a picture see each other in both directions; then a picture has to go through the layers in one piece.
  var seesWholePictures: Bool { get }

  /// What a layer remembers before the first token of a sequence, with room for `capacity` tokens before it has to grow.
  func makeState(ofLayer layer: Int, capacity: Int) -> LayerState

  /// The embedding rows of tokens, [T, hidden], from the model's table or from the one that stands in its place.
  /// - Throws: `mismatch` for an id beyond the table.
  func embed(_ tokens: [Int32], replaced: [String: WeightMatrix]) throws(CheckpointError) -> Activations

  /// Takes tokens through one decoder layer, in place: `x`, [T, hidden], becomes the hidden states behind it.
  ///
  /// Of several sequences side by side the rows lie one sequence after another, as many of each, and the same bits come out as alone.
  /// Each of them has its own of `states`, which the same layer of a model of this kind and size made.
  func layer(_ index: Int, _ x: Activations, turns: Turns, states: [LayerState], compute: Compute)

  /// The two halves of one decoder layer, which in turn are what ``layer(_:_:turns:states:compute:)`` does, to the bit.
  func halves(ofLayer layer: Int) -> [LayerHalf]

  /// The final norm of some rows of hidden states: what the head reads.
  func normed(_ hidden: Activations, rows: Range<Int>, compute: Compute) -> Activations

  /// Logits of normed rows for a range of the vocabulary: [n, hidden] to [n, vocabulary.count].
  func logits(_ normed: Activations, vocabulary: Range<Int>, compute: Compute) -> Activations
}

extension LanguageModel {
  package var shortLength: Int { .max }

  /// The embedding rows of tokens: [T, hidden].
  /// - Throws: `mismatch` for an id beyond the table.
  package func embed(_ tokens: [Int32]) throws(CheckpointError) -> Activations { try embed(tokens, replaced: [:]) }

  package var seesWholePictures: Bool { false }

  /// The pieces in which rows go through the layers, in order.
  package func pieces(of input: InputRows) -> [Range<Int>] {
    Chunks.of(input.count, whole: seesWholePictures ? input.pictures : [])
  }

  /// The state before the first token of a sequence, with room for `capacity` tokens before it has to grow.
  ///
  /// Of several `sequences` that go side by side, each has so much room.
  package func makeState(capacity: Int, sequences: Int = 1) -> SequenceState {
    SequenceState(
      sequences: sequences,
      (0..<layerCount).map { layer in (0..<sequences).map { _ in makeState(ofLayer: layer, capacity: capacity) } })
  }

  /// Runs tokens through all decoder layers, in place: embeddings [T, hidden] to the hidden states behind the last layer, [T, hidden].
  ///
  /// Of several sequences side by side the rows lie one sequence after another.
  /// - Throws: `mismatch` when a sequence would become longer than `contextLength`.
  package func forward(
    _ embeddings: Activations, at positions: Positions, state: inout SequenceState, compute: Compute,
    observer: LayerObserver? = nil
  ) throws(CheckpointError) -> Activations {
    try forward(InputRows(embeddings, at: positions), state: &state, compute: compute, observer: observer)
  }

  /// Runs rows through all decoder layers, in place: [T, hidden] to the hidden states behind the last layer, [T, hidden].
  ///
  /// `observer` sees what each layer itself gives, before anything is added to rows of pictures.
  /// - Throws: `mismatch` when a sequence would become longer than `contextLength`.
  package func forward(
    _ input: InputRows, state: inout SequenceState, compute: Compute, observer: LayerObserver? = nil
  ) throws(CheckpointError) -> Activations {
    let (embeddings, positions) = (input.embeddings, input.positions)
    precondition(embeddings.columns == hiddenSize && (state.sequences == 1 || input.pictures.isEmpty))
    let length = state.count + embeddings.rows / state.sequences
    guard length <= contextLength else {
      throw CheckpointError(
        .mismatch, "the sequence would have \(length) tokens; the model is made for \(contextLength)")
    }
    let turns = Turns(
      at: positions, length: max(length, state.announced), blocks: seesWholePictures ? input.pictures : [])
    for index in 0..<layerCount {
      try Cancellation.check()
      layer(index, embeddings, turns: turns, states: state.layers[index], compute: compute)
      observer?(index, embeddings)
      input.add(behind: index, to: embeddings, compute)
    }
    state.advance(positions)
    return embeddings
  }

  /// What one decoder layer makes of a text from its first token on, whose hidden states, [T, hidden], come in pieces.
  ///
  /// They stay as they are, so that a layer can be run again, with other inputs or with `compute.replaced` weights. All layers in turn are
  /// what ``forward(_:at:state:compute:observer:)`` does, to the bit.
  package func layer(_ index: Int, of pieces: [Activations], compute: Compute) -> [Activations] {
    let length = pieces.reduce(0) { $0 + $1.rows }
    let state = makeState(ofLayer: index, capacity: length)
    var start = 0
    return pieces.map { piece in
      let result = piece.copy(of: 0..<piece.rows)
      layer(
        index, result, turns: Turns(at: Positions(text: piece.rows, from: start), length: length), states: [state],
        compute: compute)
      start += piece.rows
      return result
    }
  }

  /// Runs text tokens of the sequences side by side, as many of each.
  package func forward(
    _ sequences: [[Int32]], state: inout SequenceState, compute: Compute
  ) throws(CheckpointError) -> Activations {
    precondition(sequences.count == state.sequences && Set(sequences.map(\.count)).count == 1, "as many of each")
    let line = (0..<sequences[0].count).map { Int32(truncatingIfNeeded: state.nextPosition + $0) }
    let axis = sequences.flatMap { _ in line }
    return try forward(
      embed(sequences.flatMap { $0 }), at: Positions(axes: [axis, axis, axis]), state: &state, compute: compute)
  }

  /// Runs text tokens through the model, following what the state has seen.
  package func forward(
    _ tokens: [Int32], state: inout SequenceState, compute: Compute, observer: LayerObserver? = nil
  ) throws(CheckpointError) -> Activations {
    let positions = Positions(text: tokens.count, from: state.nextPosition)
    return try forward(embed(tokens), at: positions, state: &state, compute: compute, observer: observer)
  }
}
