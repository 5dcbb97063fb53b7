import Base
import Engine
import Quants
import Runtime

/// Tokens that a model reads from nothing, and which of them it has to predict.
package struct TokenWindow: Sendable, Equatable {
  package let tokens: [Int32]
  /// The positions whose successors are predicted, ascending; the last token is none of them.
  package let scored: [Int]

  package init(tokens: [Int32], scored: [Int]) {
    precondition(scored.allSatisfy { $0 >= 0 && $0 + 1 < tokens.count }, "a successor for every position")
    self.tokens = tokens
    self.scored = scored
  }

  /// The tokens that are predicted, one for each scored position.
  package var targets: [Int32] { scored.map { tokens[$0 + 1] } }
}

extension OpenedModel {
  /// Refuses windows that the model is not made for.
  ///
  /// - Throws: `mismatch`, naming the model.
  func require(context: Int) throws(CheckpointError) {
    guard context < 4 || context > model.contextLength else { return }
    throw CheckpointError(
      .mismatch, "a context of \(context) is not between 4 and the \(model.contextLength) the model is made for",
      file: name)
  }

  /// The hidden states behind the last layer at the scored positions of a window, one row for each.
  func states(of window: TokenWindow, _ compute: Compute) throws(CheckpointError) -> Activations {
    try states(of: [window], piece: Chunks.length, compute)
  }

  /// The hidden states behind the last layer at the scored positions of some windows of one length, one row for each, window after window.
  ///
  /// All tokens go through a layer before the next, `piece` of them together, and what a layer remembers is let go behind it: what is
  /// held are the hidden states and one layer's keys and values. The bits are those of each window alone, read in the usual pieces.
  func states(
    of windows: [TokenWindow], piece: Int, _ compute: Compute
  ) throws(CheckpointError) -> Activations {
    let length = windows[0].tokens.count
    precondition(windows.allSatisfy { $0.tokens.count == length }, "windows of one length")
    let last = windows.compactMap(\.scored.last).max() ?? -1
    let pieces = Chunks.of(length, length: windows.count > 1 ? (length + 63) / 64 * 64 : piece).filter {
      $0.lowerBound <= last
    }
    let hidden: [Activations]
    do throws(CheckpointError) {
      hidden = try pieces.map { range throws(CheckpointError) in
        try model.embed(windows.flatMap { $0.tokens[range] })
      }
    } catch {
      throw error.in(file: name)
    }
    let turns = pieces.map { range in
      let axis = windows.flatMap { _ in range.map { Int32(truncatingIfNeeded: $0) } }
      return Turns(at: Positions(axes: [axis, axis, axis]), length: length)
    }
    for layer in 0..<model.layerCount {
      let states = windows.map { _ in model.makeState(ofLayer: layer, capacity: length) }
      for (part, turns) in zip(hidden, turns) {
        try Cancellation.check()
        model.layer(layer, part, turns: turns, states: states, compute: compute)
      }
    }
    let result = Activations(rows: windows.reduce(0) { $0 + $1.scored.count }, columns: model.hiddenSize)
    var row = 0
    for (index, window) in windows.enumerated() {
      for (part, range) in zip(hidden, pieces) {
        for position in window.scored where range.contains(position) {
          let place = index * range.count + position - range.lowerBound
          result.replace(from: row, by: part, place..<place + 1)
          row += 1
        }
      }
    }
    return result
  }
}

/// Work on many windows, or groups of them: whole ones are shared among the threads, `most` at a time, and threads left over share the work
/// inside one.
struct WindowWork {
  let count: Int
  let workers: Int
  private let compute: Compute

  init(count: Int, threads: Int, most: Int = .max, kernels: Kernels, precision: Precision = .exact) {
    self.count = count
    workers = max(1, min(threads, count, most))
    compute = Compute(threads: max(1, threads / workers), kernels: kernels, precision: precision)
  }

  /// What `body` makes of each window, in their order; `finished`, where it is given, is told of each as it is done, one call at a time.
  func map<Result: Sendable>(
    _ body: @Sendable (_ window: Int, Compute) throws(CheckpointError) -> Result,
    finished: @Sendable (_ result: Result, _ done: Int) -> Void = { _, _ in }
  ) throws(CheckpointError) -> [Result] {
    let state = Lock((results: [Result?](repeating: nil, count: count), done: 0))
    try ReusedMemory.during { () throws(CheckpointError) in
      try parallelRows(count: count, threads: workers) { part throws(CheckpointError) in
        for window in part {
          let result = try body(window, compute)
          state.withLock { state in
            state.results[window] = result
            state.done += 1
            finished(result, state.done)
          }
        }
      }
    }
    return state.withLock { $0.results.compactMap { $0 } }
  }
}
