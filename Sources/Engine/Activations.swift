import Base

/// A row-major f32 matrix with memory of its own: one row per token.
///
/// Fresh memory is not zeroed. Workers may write to different rows at the same time; nobody else looks until they are done. The memory is
/// reached through views that cannot outlive the matrix, through closures, and by copying. A matrix can also be some rows of another.
package final class Activations: @unchecked Sendable {  // unchecked: a plain allocation, rows handed to one worker each
  package let rows: Int
  package let columns: Int
  private let memory: UnsafeMutablePointer<Float>
  /// Memory of its own; nil for rows of another matrix.
  private let piece: ReusedMemory.Piece?
  /// The matrix whose rows these are.
  private let whole: Activations?

  /// Allocates `rows` x `columns` values, aligned to a cache line.
  package init(rows: Int, columns: Int) {
    precondition(rows >= 0 && columns >= 0, "a matrix has no negative side")
    self.rows = rows
    self.columns = columns
    let bytes = max(rows * columns, 1) * MemoryLayout<Float>.stride
    let piece = ReusedMemory.take(byteCount: bytes)
    memory = piece.base.bindMemory(to: Float.self, capacity: rows * columns)
    (self.piece, whole) = (piece, nil)
  }

  /// Some rows of a matrix, which share its memory.
  package init(_ whole: Activations, rows range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= whole.rows, "rows \(range) of \(whole.rows)")
    (rows, columns) = (range.count, whole.columns)
    memory = whole.memory + range.lowerBound * whole.columns
    (piece, self.whole) = (nil, whole)
  }

  /// Copies `values`, which hold `rows` x `columns` numbers row by row.
  package convenience init(rows: Int, columns: Int, _ values: some Collection<Float>) {
    precondition(values.count == rows * columns, "as many values as the matrix has places")
    self.init(rows: rows, columns: columns)
    withElements { _ = $0.update(fromContentsOf: values) }
  }

  deinit { if let piece { ReusedMemory.give(piece) } }

  /// All values, row after row, as the loops of the engine see them.
  var base: Floats {
    @inline(__always) @_lifetime(borrow self) get { Floats(memory, count: rows * columns, of: self) }
  }

  /// Lends all values, row after row, for the length of a call.
  package func withElements<Result>(_ body: (UnsafeMutableBufferPointer<Float>) throws -> Result) rethrows -> Result {
    defer { withExtendedLifetime(self) {} }
    return try body(UnsafeMutableBufferPointer(start: memory, count: rows * columns))
  }

  /// One value.
  package subscript(row: Int, column: Int) -> Float {
    get { memory[place(row, column)] }
    set { memory[place(row, column)] = newValue }
  }

  private func place(_ row: Int, _ column: Int) -> Int {
    precondition(row >= 0 && row < rows && column >= 0 && column < columns, "\(row), \(column) of \(rows), \(columns)")
    return row * columns + column
  }

  /// A copy of one row.
  package func row(_ index: Int) -> [Float] { rows(index..<index + 1) }

  /// A copy of several rows, one after another.
  package func rows(_ range: Range<Int>) -> [Float] {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
    return withElements { Array($0[range.lowerBound * columns..<range.upperBound * columns]) }
  }

  /// Replaces rows from `first` on by some of another matrix of the same width.
  package func replace(from first: Int, by other: Activations, _ range: Range<Int>) {
    precondition(
      other.columns == columns && range.lowerBound >= 0 && range.upperBound <= other.rows, "rows of the other")
    precondition(first >= 0 && first + range.count <= rows, "rows from \(first) of \(rows)")
    (base + first * columns).update(from: other.base + range.lowerBound * columns, count: range.count * columns)
  }

  /// Copies values to a place among all values, row after row.
  func keep(_ values: Floats, at place: Int, count: Int) { (base + place).update(from: values, count: count) }

  /// Sets every value to zero.
  package func clear() { base.update(repeating: 0, count: rows * columns) }

  /// A copy as an array.
  package var values: [Float] { rows(0..<rows) }
}
