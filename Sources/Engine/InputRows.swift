/// What a vision encoder makes of pictures: a row for each of their tokens, one picture after another.
package struct PictureRows: Sendable {
  /// What stands in the prompt: [tokens, hidden].
  package let rows: Activations
  /// What is added to the hidden states of these tokens behind the first decoder layers, one matrix a layer, each [tokens, hidden];
  /// none for most families.
  package let added: [Activations]

  package init(_ rows: Activations, added: [Activations] = []) {
    precondition(added.allSatisfy { $0.rows == rows.rows && $0.columns == rows.columns }, "a row for each token")
    (self.rows, self.added) = (rows, added)
  }
}

/// What a language model reads where it is more than tokens: rows in place of embeddings, where they stand, and which are of pictures.
package struct InputRows {
  /// [T, hidden].
  package let embeddings: Activations
  package let positions: Positions
  /// The rows of each picture, in their order.
  package let pictures: [Range<Int>]
  /// What is added to the rows of pictures behind the first decoder layers, each [rows of all pictures, hidden].
  package let added: [Activations]

  package init(
    _ embeddings: Activations, at positions: Positions, pictures: [Range<Int>] = [], added: [Activations] = []
  ) {
    let count = pictures.reduce(0) { $0 + $1.count }
    precondition(positions.count == embeddings.rows, "a position for each row")
    precondition(
      added.allSatisfy { $0.rows == count && $0.columns == embeddings.columns }, "a row for each picture token")
    (self.embeddings, self.positions, self.pictures, self.added) = (embeddings, positions, pictures, added)
  }

  package var count: Int { embeddings.rows }

  /// A copy of some of the rows, with what belongs to them.
  package subscript(range: Range<Int>) -> InputRows {
    var first = 0  // the row of `added` that belongs to the picture's first
    var rows = 0..<0
    var inside: [Range<Int>] = []
    for picture in pictures {
      let part = picture.clamped(to: range)
      if !part.isEmpty {
        let start = first + part.lowerBound - picture.lowerBound
        rows = (rows.isEmpty ? start : rows.lowerBound)..<start + part.count
        inside.append(part.lowerBound - range.lowerBound..<part.upperBound - range.lowerBound)
      }
      first += picture.count
    }
    return InputRows(
      embeddings.copy(of: range), at: positions[range], pictures: inside, added: added.map { $0.copy(of: rows) })
  }

  /// Adds what belongs behind a decoder layer to the hidden states there, [T, hidden].
  package func add(behind layer: Int, to hidden: Activations, _ compute: Compute) {
    guard layer < added.count else { return }
    var first = 0
    for picture in pictures {
      hidden.add(added[layer], first..<first + picture.count, from: picture.lowerBound, compute)
      first += picture.count
    }
  }
}
