internal import CKernels

// Rounding of weights, sixteen rows side by side; `ops/panel.h` says what each loop computes. Pointers are valid for the length of a call.

/// The levels that a rounded weight may have.
package final class PanelLevels: @unchecked Sendable {  // the memory is written once, here
  private let values: UnsafeMutablePointer<Float>?
  fileprivate let record: UnsafeMutablePointer<ck_levels>

  /// All integers of a range.
  package init(even range: ClosedRange<Int>) {
    values = nil
    record = .allocate(capacity: 1)
    record.initialize(
      to: ck_levels(low: Float(range.lowerBound), high: Float(range.upperBound), values: nil, middles: nil))
  }

  /// Sixteen integers in rising order.
  package init(uneven levels: [Float]) {
    precondition(levels.count == 16, "sixteen levels")
    let values = UnsafeMutablePointer<Float>.allocate(capacity: 31)
    for i in 0..<16 { (values + i).initialize(to: levels[i]) }
    for i in 0..<15 { (values + 16 + i).initialize(to: (levels[i] + levels[i + 1]) / 2) }
    self.values = values
    record = .allocate(capacity: 1)
    record.initialize(to: ck_levels(low: levels[0], high: levels[15], values: values, middles: values + 16))
  }

  deinit {
    values?.deallocate()
    record.deallocate()
  }
}

extension EngineKernels {
  /// Rows of a panel.
  package static let panelRows = 16
  /// Columns of a group, at most.
  package static let panelGroup = 32

  /// c += a b, for a [m, k] and panels b [k, 16] and c [m, 16].
  package func panelProduct(
    _ a: UnsafePointer<Float>, stride: Int, _ b: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>, m: Int,
    k: Int
  ) {
    level.dense_f32(a, stride, b, Self.panelRows, c, Self.panelRows, m, Self.panelRows, k, 1)
  }

  /// Rounds columns one after another, what is wrong with each moving the targets behind it.
  ///
  /// - Parameters:
  ///   - target: the values wanted, [columns][16].
  ///   - work: the values wanted, moved by the errors of columns before these; becomes what is wrong.
  ///   - steps: one panel a group.
  ///   - offsets: one panel a group.
  ///   - group: columns of a group.
  ///   - factor: by how much the error of column k moves column j > k, at [j][k].
  ///   - stride: elements from row to row of `factor`.
  ///   - columns: a multiple of four.
  ///   - levels: what may be chosen.
  ///   - chosen: receives the levels.
  package func feedback(
    _ target: UnsafePointer<Float>, work: UnsafeMutablePointer<Float>, steps: UnsafePointer<Float>,
    offsets: UnsafePointer<Float>, group: Int, factor: UnsafePointer<Float>, stride: Int, columns: Int,
    levels: PanelLevels, chosen: UnsafeMutablePointer<Int8>
  ) {
    level.panel_feedback(target, work, steps, offsets, group, factor, stride, columns, levels.record, chosen)
  }

  /// step * level - offset.
  package func panelValues(
    _ levels: UnsafePointer<Int8>, steps: UnsafePointer<Float>, offsets: UnsafePointer<Float>, group: Int, columns: Int,
    into values: UnsafeMutablePointer<Float>
  ) {
    level.panel_values(levels, steps, offsets, group, columns, values)
  }

  /// The sum of a * b over the columns of each row.
  package func panelDot(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, columns: Int, into sums: UnsafeMutablePointer<Float>
  ) {
    level.panel_dot(a, b, columns, sums)
  }

  /// y += scale x, with one scale a row.
  package func panelAdd(
    _ x: UnsafePointer<Float>, by scale: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>, columns: Int
  ) {
    level.panel_axpy(scale, x, y, columns)
  }

  /// Tries grids for a group and takes the one that lowers the objective most, the first of equals.
  ///
  /// - Parameters:
  ///   - target: the values wanted under every grid, [group][16].
  ///   - gradient: half the slope of the objective.
  ///   - h: the group's square of the moments.
  ///   - stride: elements from row to row of `h`.
  ///   - group: columns, a multiple of four.
  ///   - steps: one panel a candidate.
  ///   - offsets: one panel a candidate.
  ///   - candidates: how many.
  ///   - levels: what may be chosen.
  ///   - values: the values; changed.
  ///   - chosen: the levels; changed.
  ///   - changes: receives by how much values changed.
  ///   - gain: receives by how much the objective changed.
  ///   - choice: receives the number of the candidate, -1 for none.
  package func choose(
    target: UnsafePointer<Float>, gradient: UnsafePointer<Float>, h: UnsafePointer<Float>, stride: Int, group: Int,
    steps: UnsafePointer<Float>, offsets: UnsafePointer<Float>, candidates: Int, levels: PanelLevels,
    values: UnsafeMutablePointer<Float>, chosen: UnsafeMutablePointer<Int8>, changes: UnsafeMutablePointer<Float>,
    gain: UnsafeMutablePointer<Float>, choice: UnsafeMutablePointer<Int32>
  ) {
    level.panel_choose(
      target, gradient, h, stride, group, steps, offsets, candidates, levels.record, values, chosen, changes, gain,
      choice)
  }

  /// Moves the weights of a group one after another to where the objective is less.
  ///
  /// - Parameters:
  ///   - gradient: half the slope of the objective, [group][16].
  ///   - h: the group's square of the moments.
  ///   - stride: elements from row to row of `h`.
  ///   - inverses: one over each number of the diagonal.
  ///   - group: columns, a multiple of four.
  ///   - step: one panel.
  ///   - offset: one panel.
  ///   - levels: what may be chosen.
  ///   - values: the values; changed.
  ///   - chosen: the levels; changed.
  ///   - gain: receives by how much the objective changed.
  package func descend(
    gradient: UnsafePointer<Float>, h: UnsafePointer<Float>, stride: Int, inverses: UnsafePointer<Float>, group: Int,
    step: UnsafePointer<Float>, offset: UnsafePointer<Float>, levels: PanelLevels, values: UnsafeMutablePointer<Float>,
    chosen: UnsafeMutablePointer<Int8>, gain: UnsafeMutablePointer<Float>
  ) {
    level.panel_descend(
      gradient, h, stride, inverses, group, step, offset, levels.record, values, chosen, gain)
  }
}
