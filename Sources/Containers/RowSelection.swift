/// Rows of a stored matrix, in an order of their own, that together are a tensor: a part of a fused one.
package struct RowSelection: Sendable, Equatable {
  private enum Places: Sendable, Equatable {
    /// Rows that lie together, in the order of the tensor, and how many rows of the tensor stand before each run, and in all.
    case runs([Range<Int>], starts: [Int])
    /// So many rows of every turn of several equal parts: those of one of them.
    case turns(index: Int, of: Int, length: Int, count: Int)
  }

  /// Bytes of a row.
  private let rowBytes: Int
  private let places: Places

  /// - Precondition: the runs lie inside the matrix.
  init(_ runs: [Range<Int>], rowBytes: Int) {
    let runs = runs.filter { !$0.isEmpty }
    self.rowBytes = rowBytes
    places = .runs(runs, starts: runs.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) })
  }

  /// The rows of one of `parts` that take turns, `length` rows each, in a matrix of `height` rows.
  ///
  /// - Precondition: turns are whole.
  init(part index: Int, of parts: Int, length: Int, height: Int, rowBytes: Int) {
    precondition(length > 0 && index < parts && height % (parts * length) == 0, "whole turns")
    self.rowBytes = rowBytes
    places = .turns(index: index, of: parts, length: length, count: height / parts)
  }

  /// The rows of the tensor.
  package var count: Int {
    switch places {
    case .runs(_, let starts): starts.last ?? 0
    case .turns(_, _, _, let count): count
    }
  }
  /// The bytes of the tensor.
  package var byteCount: Int { count * rowBytes }

  /// Calls `body` for each piece of a range of the tensor's bytes that lies together in the matrix.
  ///
  /// `body` gets the piece's bytes in the matrix and where it stands in the range.
  func pieces<E: Error>(_ range: Range<Int>, _ body: (Range<Int>, Int) throws(E) -> Void) throws(E) {
    guard !range.isEmpty, rowBytes > 0 else { return }
    var done = range.lowerBound
    while done < range.upperBound, done < byteCount {
      let row = done / rowBytes
      let (stored, together) = place(of: row)
      let end = min((row + together) * rowBytes, range.upperBound)
      let start = stored * rowBytes + done - row * rowBytes
      try body(start..<start + end - done, done - range.lowerBound)
      done = end
    }
  }

  /// The bytes of the matrix from the first to the last of a range of the tensor's, where many short pieces of it take turns with others; nil
  /// where there are few, or more than `limit` bytes in all.
  func span(of range: Range<Int>, atMost limit: Int) -> Range<Int>? {
    guard case .turns(_, let parts, let length, _) = places, range.count > 4 * length * rowBytes,
      length * rowBytes < 1 << 16, range.count <= limit / parts
    else { return nil }
    var span: Range<Int>?
    for edge in [range.lowerBound..<range.lowerBound + 1, range.upperBound - 1..<range.upperBound] {
      pieces(edge) { stored, _ in
        span = span.map { $0.lowerBound..<stored.upperBound } ?? stored
      }
    }
    return span
  }

  /// The row of the matrix that a row of the tensor is, and how many from there on lie together.
  private func place(of row: Int) -> (stored: Int, together: Int) {
    switch places {
    case .turns(let index, let parts, let length, _):
      let (turn, place) = row.quotientAndRemainder(dividingBy: length)
      return ((turn * parts + index) * length + place, length - place)
    case .runs(let runs, let starts):
      var (low, high) = (0, runs.count - 1)
      while low < high {
        let middle = (low + high + 1) / 2
        if starts[middle] <= row { low = middle } else { high = middle - 1 }
      }
      return (runs[low].lowerBound + row - starts[low], starts[low + 1] - row)
    }
  }
}
