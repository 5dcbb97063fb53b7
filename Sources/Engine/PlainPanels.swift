/// The loops of `ops/panel.h` written out for one row: what the kernels compute, to the bit.
package struct PlainPanels: Sendable {
  private let rows: PlainRows
  /// Levels in rising order.
  private let levels: [Float]
  private let isEven: Bool

  /// The levels are consecutive integers, or any sixteen.
  package init(isFused: Bool, levels: [Float], isEven: Bool) {
    (rows, self.levels, self.isEven) = (PlainRows(isFused: isFused), levels, isEven)
  }

  /// The nearest level, the lower of two that are equally near.
  package func level(_ x: Float) -> Float {
    let last = levels[levels.count - 1]
    if isEven {
      let inside = x >= levels[0] ? min(x, last) : levels[0]
      return (inside - 0.5).rounded(.up) + 0
    }
    return levels[zip(levels, levels.dropFirst()).count { x > ($0 + $1) / 2 }]
  }

  private func level(_ x: Float, _ step: Float, _ offset: Float) -> Float {
    level((x + offset) * (step == 0 ? 0 : 1 / step))
  }

  /// Makes `work` target - value and returns the levels.
  ///
  /// m[j][k] says by how much the error of column k moves column j.
  package func feedback(
    _ target: [Float], work: inout [Float], steps: [Float], offsets: [Float], group: Int, m: [[Float]]
  ) -> [Float] {
    target.indices.map { j in
      var x = work[j]
      for k in 0..<j { x = rows.multiplyAdd(m[j][k], work[k], x) }
      let (step, offset) = (steps[j / group], offsets[j / group])
      let level = level(x, step, offset)
      work[j] = target[j] - (step * level - offset)
      return level
    }
  }

  /// The sum of a * b over four chains.
  package func dot(_ a: [Float], _ b: [Float]) -> Float {
    var sums: [Float] = [0, 0, 0, 0]
    for j in a.indices { sums[j % 4] = rows.multiplyAdd(a[j], b[j], sums[j % 4]) }
    return (sums[0] + sums[1]) + (sums[2] + sums[3])
  }

  /// By how much changes D change the objective: 2 D gradient + D h D.
  package func cost(_ change: [Float], gradient: [Float], h: [[Float]]) -> Float {
    var total: Float = 0
    for j in change.indices {
      var x = gradient[j]
      for k in 0..<j { x = rows.multiplyAdd(h[j][k], change[k], x) }
      total = rows.multiplyAdd(change[j], rows.multiplyAdd(h[j][j], change[j], x + x), total)
    }
    return total
  }

  /// The grid that lowers the objective most; -1 for none.
  package func choose(
    target: [Float], gradient: [Float], h: [[Float]], grids: [(step: Float, offset: Float)], values: inout [Float],
    chosen: inout [Float]
  ) -> (choice: Int, gain: Float) {
    var best: (choice: Int, gain: Float) = (-1, 0)
    var taken = (values: values, levels: chosen)
    for (number, grid) in grids.enumerated() {
      let levels = target.map { level($0, grid.step, grid.offset) }
      let trial = levels.map { grid.step * $0 - grid.offset }
      let gain = cost(zip(trial, values).map { $0 - $1 }, gradient: gradient, h: h)
      guard gain < best.gain else { continue }
      best = (number, gain)
      taken = (trial, levels)
    }
    (values, chosen) = taken
    return best
  }

  /// Weights one after another to where the objective is less; returns by how much it changed.
  package func descend(
    gradient: [Float], h: [[Float]], inverses: [Float], step: Float, offset: Float, values: inout [Float],
    chosen: inout [Float]
  ) -> Float {
    var own = [Float](repeating: 0, count: values.count)
    var total: Float = 0
    for j in values.indices {
      var x = gradient[j]
      for k in 0..<j { x = rows.multiplyAdd(h[j][k], own[k], x) }
      let wanted = level(values[j] - x * inverses[j], step, offset)
      let difference = (step * wanted - offset) - values[j]
      let cost = difference * rows.multiplyAdd(h[j][j], difference, x + x)
      guard cost < 0, step != 0 else { continue }
      own[j] = difference
      total += cost
      values[j] = step * wanted - offset
      chosen[j] = wanted
    }
    return total
  }
}
