import Base
import Quants

/// The values of a planned tensor as they are before they are encoded: gathered, moved and transformed.
package struct TensorRows: Sendable {
  private let plan: PlannedTensor
  private let stream: RowStream

  /// Looks up a tensor of a plan; nothing is read yet.
  ///
  /// - Throws: what planning it as F32 throws.
  package init(_ tensor: PlannedTensor, kernels: Kernels = .best) throws(CheckpointError) {
    plan = try PlannedTensor(
      name: tensor.name, type: .f32, shape: tensor.shape, parts: tensor.parts, computed: tensor.computed,
      half: tensor.half)
    stream = RowStream(plan, guide: nil, kernels: kernels)
  }

  /// The values of some rows, which ascend: one row after another, `columns` each.
  ///
  /// A tensor whose transform takes it whole is transformed once for all rows.
  /// - Throws: `malformed` for a value that is not a number, and what reading throws.
  package func values(of rows: [Int], threads: Int) throws(CheckpointError) -> [Float] {
    let columns = plan.shape.columns
    let store = RowStore(count: rows.count * columns)
    let own = store.values
    if plan.streams {
      try parallelRows(count: rows.count, threads: threads, grain: 8) { part throws(CheckpointError) in
        let space = Workspace()
        for place in part {
          let target = UnsafeMutableBufferPointer(rebasing: store.values[place * columns..<(place + 1) * columns])
          try stream.produce(
            rows[place] * columns..<(rows[place] + 1) * columns, into: UnsafeMutableRawBufferPointer(target), space)
        }
      }
    } else {
      let rowsPerItem = plan.shape.rows / plan.items
      let item = RowStore(count: rowsPerItem * columns)
      var held = -1
      for (place, row) in rows.enumerated() {
        if row / rowsPerItem != held {
          held = row / rowsPerItem
          let values = held * rowsPerItem * columns..<(held + 1) * rowsPerItem * columns
          try stream.produce(values, into: UnsafeMutableRawBufferPointer(item.values), Workspace())
        }
        let source = row % rowsPerItem * columns
        for column in 0..<columns { own[place * columns + column] = item.values[source + column] }
      }
    }
    return Array(own)
  }
}

/// Rows of which every thread writes its own.
private final class RowStore: @unchecked Sendable {
  // Unchecked because nobody reads before all threads are done.
  let values: UnsafeMutableBufferPointer<Float>

  init(count: Int) {
    values = .allocate(capacity: count)
    values.initialize(repeating: 0)
  }

  deinit { values.deallocate() }
}
