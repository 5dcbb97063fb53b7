import Architectures
import Engine
import Quants
import Synchronization
import Tensors

/// Runs one model before and several after on the same windows, the one before only once.
///
/// Logits are made a few rows at a time; of a window the hidden states are kept, for every model. Every window starts from nothing and
/// is one thread's work. Figures do not depend on the number of threads, to the last bit.
struct ModelComparison: Sendable {
  let before: OpenedModel
  let after: [OpenedModel]
  let kernels: Kernels

  /// Positions of one text, [model after][window][position].
  typealias Positions = [[[PositionComparison]]]

  /// Compares the models on every window of every text.
  ///
  /// `progress` is called after each window, one call at a time. Throws `malformed`, naming the model, when its logits are not numbers.
  func positions(
    of texts: [TextWindows], threads: Int, progress: @escaping @Sendable (Validation.Progress) -> Void
  ) throws(CheckpointError) -> [Positions] {
    let work = texts.enumerated().flatMap { index, text in (0..<text.count).map { (text: index, window: $0) } }
    let workers = max(1, min(threads, work.count))
    let compute = Compute(threads: max(1, threads / workers), kernels: kernels)
    let block = Self.rows(vocabulary: before.model.vocabularySize, workers: workers)
    let empty = texts.map { text in after.map { _ in [[PositionComparison]](repeating: [], count: text.count) } }
    let done = Mutex((positions: empty, count: 0))
    try parallelRows(count: work.count, threads: workers) { part throws(CheckpointError) in
      for item in work[part] {
        let text = texts[item.text]
        let found = try compare(text[item.window], scored: text.scored, block: block, compute)
        done.withLock { done in
          for (model, positions) in found.enumerated() { done.positions[item.text][model][item.window] = positions }
          done.count += 1
          progress(Validation.Progress(windowsDone: done.count, windows: work.count))
        }
      }
    }
    return done.withLock { $0.positions }
  }

  /// Rows of logits that are made together.
  ///
  /// Products of few rows are summed in another order, so there are never fewer than that where a text has them, and the number of
  /// threads changes no bit.
  private static func rows(vocabulary: Int, workers: Int) -> Int {
    let bytes = 192 << 20
    return max(fewestRows, min(256, bytes / (2 * workers * vocabulary * MemoryLayout<Float>.stride)))
  }

  private static let fewestRows = 8

  /// The positions of one window, for every model after.
  private func compare(
    _ line: [Int32], scored: Range<Int>, block: Int, _ compute: Compute
  ) throws(CheckpointError) -> [[PositionComparison]] {
    let reference = try hidden(before, line, scored, compute)
    var others: [[Part]] = []
    for model in after { others.append(try hidden(model, line, scored, compute)) }
    var result = [[PositionComparison]](repeating: [], count: after.count)
    for (index, part) in reference.enumerated() {
      for rows in Self.blocks(of: part.rows, block) {
        let logits = try self.logits(before, part.hidden, rows, compute)
        let targets = (0..<rows.count).map { line[part.start + rows.lowerBound + $0 + 1] }
        for (number, model) in after.enumerated() {
          let other = try self.logits(model, others[number][index].hidden, rows, compute)
          result[number] += try comparisons(logits, other, targets, model, compute)
        }
      }
    }
    return result
  }

  /// Hidden states of one piece of a window, and the rows of it that are scored.
  private struct Part {
    /// Where the piece begins in its window.
    let start: Int
    let hidden: Activations
    let rows: Range<Int>
  }

  private func hidden(
    _ opened: OpenedModel, _ line: [Int32], _ scored: Range<Int>, _ compute: Compute
  ) throws(CheckpointError) -> [Part] {
    var state = opened.model.makeState(capacity: line.count)
    var parts: [Part] = []
    do throws(CheckpointError) {
      for slice in Slices.of(line.count) {
        let hidden = try opened.model.forward(Array(line[slice]), state: &state, compute: compute)
        let rows = slice.clamped(to: scored)
        if rows.isEmpty { continue }
        parts.append(
          Part(
            start: slice.lowerBound, hidden: hidden,
            rows: rows.lowerBound - slice.lowerBound..<rows.upperBound - slice.lowerBound))
      }
    } catch {
      throw error.in(file: opened.name)
    }
    return parts
  }

  /// Rows in blocks of about `block`; a short rest goes with the block before it.
  private static func blocks(of rows: Range<Int>, _ block: Int) -> [Range<Int>] {
    var result: [Range<Int>] = []
    var start = rows.lowerBound
    while start < rows.upperBound {
      var end = min(start + block, rows.upperBound)
      if rows.upperBound - end < fewestRows { end = rows.upperBound }
      result.append(start..<end)
      start = end
    }
    return result
  }

  private func logits(
    _ opened: OpenedModel, _ hidden: Activations, _ rows: Range<Int>, _ compute: Compute
  ) throws(CheckpointError) -> Activations {
    let model = opened.model
    let normed = model.normed(hidden, rows: rows, compute: compute)
    return model.logits(normed, vocabulary: 0..<model.vocabularySize, compute: compute)
  }

  private func comparisons(
    _ logits: Activations, _ other: Activations, _ targets: [Int32], _ opened: OpenedModel, _ compute: Compute
  ) throws(CheckpointError) -> [PositionComparison] {
    var result: [PositionComparison] = []
    for (row, token) in targets.enumerated() {
      let first = try Self.row(logits, row, compute, before)
      let second = try Self.row(other, row, compute, opened)
      result.append(PositionComparison(first, second, token: token, compute.kernels))
    }
    return result
  }

  private static func row(
    _ logits: Activations, _ row: Int, _ compute: Compute, _ opened: OpenedModel
  ) throws(CheckpointError) -> LogitRow {
    let result = LogitRow(logits, row: row, compute.kernels)
    // One logit that is no number spoils the sum.
    guard result.logSum.isFinite else {
      throw LogitCheck.explained(LogitCheck.failure.in(file: opened.name), by: opened.checkpoint)
    }
    return result
  }
}
