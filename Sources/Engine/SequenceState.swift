/// What one decoder layer remembers of one sequence.
package enum LayerState {
  /// Keys and values of an attention layer.
  case attention(KeyValueCache)
  /// The memory of a recurrent one.
  case deltaNet(DeltaNetState)
}

/// What a model remembers of one sequence, layer by layer.
///
/// It belongs to one sequence and cannot be copied.
package struct SequenceState: ~Copyable {
  package let layers: [LayerState]
  /// Tokens seen so far.
  package private(set) var count = 0
  /// The rotary position of the next text token; behind `count` after pictures, which take fewer positions than tokens.
  package private(set) var nextPosition = 0

  /// The state before the first token.
  package init(_ layers: [LayerState]) { self.layers = layers }

  /// Notes that tokens at `positions` went through all layers.
  package mutating func advance(_ positions: Positions) {
    count += positions.count
    for axis in positions.axes {
      for position in axis { nextPosition = max(nextPosition, Int(position) + 1) }
    }
  }
}
