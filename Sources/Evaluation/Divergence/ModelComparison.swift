import Architectures
import Engine
import Quants
import Tensors

/// Runs one model before and several after on the same windows, the one before only once.
///
/// Logits are made a few rows at a time; of a window the hidden states are kept, for every model. Every window starts from nothing and
/// is one thread's work. Figures do not depend on the number of threads, to the last bit.
struct ModelComparison: Sendable {
  let before: OpenedModel
  let after: [OpenedModel]
  let kernels: Kernels
  private let walk: WindowWalk

  /// With `isolates`, layers of the models after are also run one by one on what the model before fed them.
  init(before: OpenedModel, after: [OpenedModel], isolates: Bool, kernels: Kernels) {
    self.before = before
    self.after = after
    self.kernels = kernels
    walk = WindowWalk(before: before, after: after, isolates: isolates)
  }

  /// Positions of one text, [model after][window][position].
  typealias Positions = [[[PositionComparison]]]

  /// Compares the models on every window of every text, and says how far the layers of each model after drift.
  ///
  /// `progress` is called after each window, one call at a time. Throws `malformed`, naming the model, when its logits are not numbers.
  func positions(
    of texts: [TextWindows], threads: Int, progress: @escaping @Sendable (Validation.Progress) -> Void
  ) throws(CheckpointError) -> (positions: [Positions], layers: [[LayerDrift]]) {
    let work = texts.enumerated().flatMap { index, text in (0..<text.count).map { (text: index, window: $0) } }
    let pass = WindowWork(count: work.count, threads: threads, kernels: kernels)
    let block = Self.rows(vocabulary: before.model.vocabularySize, workers: pass.workers)
    let found = try pass.map { index, compute throws(CheckpointError) in
      let item = work[index]
      return try compare(texts[item.text][item.window], block: block, compute)
    } finished: { _, done in
      progress(Validation.Progress(windowsDone: done, windows: work.count))
    }
    var result = texts.map { text in after.map { _ in [[PositionComparison]](repeating: [], count: text.count) } }
    for (item, models) in zip(work, found) {
      for (model, positions) in models.positions.enumerated() { result[item.text][model][item.window] = positions }
    }
    return (result, walk.layers(found.map(\.drifts)))
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

  /// The positions of one window, for every model after, and how far its layers drift.
  private func compare(
    _ window: TokenWindow, block: Int, _ compute: Compute
  ) throws(CheckpointError) -> (positions: [[PositionComparison]], drifts: WindowWalk.Drifts) {
    let (states, drifts) = try walk(window, compute)
    let targets = window.targets
    var result = [[PositionComparison]](repeating: [], count: after.count)
    for rows in Self.blocks(of: 0..<targets.count, block) {
      let predictions = try before.predictions(states[0], rows, compute)
      for (number, model) in after.enumerated() {
        let found = try model.predictions(states[number + 1], rows, compute)
        for (index, token) in targets[rows].enumerated() {
          result[number].append(
            PositionComparison(predictions[index], found[index], token: token, compute.kernels))
        }
      }
    }
    return (result, drifts)
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
}
