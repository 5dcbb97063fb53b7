/// Rows of a stored matrix, in an order of their own, that together are a tensor: a part of a fused one.
package struct RowSelection: Sendable, Equatable {
  /// Bytes of a row.
  private let rowBytes: Int
  /// Rows that lie together, in the order of the tensor.
  private let runs: [Range<Int>]
  /// How many rows of the tensor stand before each run, and in all.
  private let starts: [Int]

  /// - Precondition: the runs lie inside the matrix.
  init(_ runs: [Range<Int>], rowBytes: Int) {
    self.runs = runs.filter { !$0.isEmpty }
    self.rowBytes = rowBytes
    starts = self.runs.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
  }

  /// The rows of the tensor.
  package var count: Int { starts.last ?? 0 }
  /// The bytes of the tensor.
  package var byteCount: Int { count * rowBytes }

  /// Calls `body` for each piece of a range of the tensor's bytes that lies together in the matrix.
  ///
  /// `body` gets the piece's bytes in the matrix and where it stands in the range.
  func pieces<E: Error>(_ range: Range<Int>, _ body: (Range<Int>, Int) throws(E) -> Void) throws(E) {
    guard !range.isEmpty, rowBytes > 0 else { return }
    var (low, high) = (0, runs.count - 1)
    let first = range.lowerBound / rowBytes
    while low < high {
      let middle = (low + high + 1) / 2
      if starts[middle] <= first { low = middle } else { high = middle - 1 }
    }
    var done = range.lowerBound
    while done < range.upperBound, low < runs.count {
      let end = min(starts[low + 1] * rowBytes, range.upperBound)
      let stored = runs[low].lowerBound * rowBytes + done - starts[low] * rowBytes
      try body(stored..<stored + end - done, done - range.lowerBound)
      done = end
      low += 1
    }
  }
}
