import Base

extension WeightMatrix {
  /// Some rows as a matrix of their own, over the same bytes.
  package func rows(_ range: Range<Int>) -> WeightMatrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
    if range == 0..<rows { return self }
    return WeightMatrix(self, rows: range)
  }

  /// The rows of tokens, decoded: [T, columns].
  ///
  /// Throws `mismatch` for an id that is not a row.
  package func gather(_ tokens: [Int32]) throws(CheckpointError) -> Activations {
    let result = Activations(rows: tokens.count, columns: columns)
    for (place, token) in tokens.enumerated() {
      guard let row = Int(exactly: token), row >= 0, row < rows else {
        throw CheckpointError(.mismatch, "token \(token) is outside the model's vocabulary of \(rows)")
      }
      result.withElements { all in
        decode(row: row, into: UnsafeMutableBufferPointer(rebasing: all[place * columns..<(place + 1) * columns]))
      }
    }
    return result
  }
}
