/// A row-major f32 matrix with memory of its own: one row per token.
///
/// Fresh memory is not zeroed. Workers may write to different rows at the same time; nobody else looks until they are done.
package final class Activations: @unchecked Sendable {  // unchecked: a plain allocation, rows handed to one worker each
  package let rows: Int
  package let columns: Int
  let base: UnsafeMutablePointer<Float>

  /// Allocates `rows` x `columns` values, aligned to a cache line.
  package init(rows: Int, columns: Int) {
    precondition(rows >= 0 && columns >= 0, "a matrix has no negative side")
    self.rows = rows
    self.columns = columns
    let bytes = max(rows * columns, 1) * MemoryLayout<Float>.stride
    base = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64).bindMemory(
      to: Float.self, capacity: rows * columns)
  }

  /// Copies `values`, which hold `rows` x `columns` numbers row by row.
  package convenience init(rows: Int, columns: Int, _ values: [Float]) {
    precondition(values.count == rows * columns, "as many values as the matrix has places")
    self.init(rows: rows, columns: columns)
    values.withUnsafeBufferPointer { source in
      if let start = source.baseAddress { base.update(from: start, count: source.count) }
    }
  }

  deinit { UnsafeMutableRawPointer(base).deallocate() }

  /// All values, row after row.
  package var elements: UnsafeMutableBufferPointer<Float> { .init(start: base, count: rows * columns) }

  /// The values of one row.
  package func row(_ index: Int) -> UnsafeMutableBufferPointer<Float> {
    precondition(index >= 0 && index < rows, "row \(index) of \(rows)")
    return .init(start: base + index * columns, count: columns)
  }

  /// The values of several rows, one after another.
  package func rows(_ range: Range<Int>) -> UnsafeMutableBufferPointer<Float> {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
    return .init(start: base + range.lowerBound * columns, count: range.count * columns)
  }

  /// Sets every value to zero.
  package func clear() { base.update(repeating: 0, count: rows * columns) }

  /// A copy as an array.
  package var values: [Float] { Array(elements) }
}
