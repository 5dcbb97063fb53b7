import Architectures
import Engine
import Quants
import Tensors

/// One pass over the windows of some texts, in which models are compared.
struct TextPass: Sendable {
  /// A window of a text.
  struct Place: Sendable {
    let text: Int
    let window: Int
  }

  let texts: [TextWindows]
  let vocabulary: Int
  let kernels: Kernels

  private var work: [Place] {
    texts.enumerated().flatMap { index, text in (0..<text.count).map { Place(text: index, window: $0) } }
  }

  /// What `body` makes of each window of each text; it is told how many rows of logits to make together.
  ///
  /// `progress` is called after each window, one call at a time.
  func map<Result: Sendable>(
    threads: Int, progress: @escaping @Sendable (Validation.Progress) -> Void,
    _ body: @Sendable (Place, _ block: Int, Compute) throws(CheckpointError) -> Result
  ) throws(CheckpointError) -> [Result] {
    let work = work
    let pass = WindowWork(count: work.count, threads: threads, kernels: kernels)
    let block = Self.rows(vocabulary: vocabulary, workers: pass.workers)
    return try pass.map { index, compute throws(CheckpointError) in
      try body(work[index], block, compute)
    } finished: { _, done in
      progress(Validation.Progress(windowsDone: done, windows: work.count))
    }
  }

  /// Positions by text and model, of those found [window of any text][model][position].
  func sorted(_ found: [[[PositionComparison]]], models: Int) -> [ModelComparison.Positions] {
    var result = texts.map { text in
      (0..<models).map { _ in [[PositionComparison]](repeating: [], count: text.count) }
    }
    for (place, models) in zip(work, found) {
      for (model, positions) in models.enumerated() { result[place.text][model][place.window] = positions }
    }
    return result
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

  /// Rows in blocks of about `block`; a short rest goes with the block before it.
  static func blocks(of rows: Int, _ block: Int) -> [Range<Int>] {
    var result: [Range<Int>] = []
    var start = 0
    while start < rows {
      var end = min(start + block, rows)
      if rows - end < fewestRows { end = rows }
      result.append(start..<end)
      start = end
    }
    return result
  }
}
