import Engine
import Quants
import Base

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

  /// Windows that go through the models together.
  struct Group: Sendable {
    let places: ArraySlice<Place>
    /// How many rows of logits to make together.
    let block: Int
    let compute: Compute
    /// To be called after each window.
    let finished: @Sendable () -> Void
  }

  /// What `body` makes of each window of each text; it is asked for some of them together.
  ///
  /// `progress` is called after each window, one call at a time.
  func map<Result: Sendable>(
    threads: Int, progress: @escaping @Sendable (Validation.Progress) -> Void,
    _ body: @Sendable (Group) throws(CheckpointError) -> [Result]
  ) throws(CheckpointError) -> [Result] {
    let work = work
    let groups = groups(of: work, threads: threads)
    let pass = WindowWork(count: groups.count, threads: threads, kernels: kernels)
    let block = Self.rows(vocabulary: vocabulary, workers: pass.workers)
    let done = Counter()
    return try pass.map { index, compute throws(CheckpointError) in
      try body(
        Group(places: work[groups[index]], block: block, compute: compute) {
          done.next { progress(Validation.Progress(windowsDone: $0, windows: work.count)) }
        })
    }.flatMap { $0 }
  }

  /// Counts windows of several threads, one call at a time.
  private final class Counter: Sendable {
    private let count = Lock(0)

    func next(_ body: (Int) -> Void) {
      count.withLock { count in
        count += 1
        body(count)
      }
    }
  }

  /// Windows that go through the layers together: enough tokens that bringing weights into memory costs next to nothing, and enough
  /// groups for all threads.
  private func groups(of work: [Place], threads: Int) -> [Range<Int>] {
    let most = max(1, work.count / max(1, threads))
    var groups: [Range<Int>] = []
    var start = 0
    while start < work.count {
      var end = start
      var tokens = 0
      while end < work.count, end - start < most, tokens < Self.groupTokens {
        tokens += texts[work[end].text][work[end].window].tokens.count
        end += 1
      }
      groups.append(start..<end)
      start = end
    }
    return groups
  }

  private static let groupTokens = 2048

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
  /// Never fewer than eight: the weights of the head are unpacked once for each block. The bits are the same however many there are.
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
