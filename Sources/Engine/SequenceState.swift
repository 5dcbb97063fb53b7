/// What a model remembers of one sequence: keys and values of its attention layers, memories of its recurrent ones.
///
/// It belongs to one sequence and cannot be copied; layers find their part by number, attention and recurrent ones counted apart.
package struct SequenceState: ~Copyable {
  package let attention: [KeyValueCache]
  package let deltaNet: [DeltaNetState]
  /// Tokens seen so far.
  package private(set) var count = 0
  /// The rotary position of the next text token; behind `count` after pictures, which take fewer positions than tokens.
  package private(set) var nextPosition = 0

  /// The state before the first token.
  package init(attention: [KeyValueCache], deltaNet: [DeltaNetState]) {
    self.attention = attention
    self.deltaNet = deltaNet
  }

  /// Notes that tokens at `positions` went through all layers.
  package mutating func advance(_ positions: Positions) {
    count += positions.count
    for axis in positions.axes {
      for position in axis { nextPosition = max(nextPosition, Int(position) + 1) }
    }
  }
}
