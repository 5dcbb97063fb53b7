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
    var state = model.makeState(capacity: window.tokens.count)
    state.announce(length: window.tokens.count)
    let result = Activations(rows: window.scored.count, columns: model.hiddenSize)
    var row = 0
    do throws(CheckpointError) {
      for chunk in Chunks.of(window.tokens.count) where row < window.scored.count {
        let hidden = try model.forward(Array(window.tokens[chunk]), state: &state, compute: compute)
        while row < window.scored.count, chunk.contains(window.scored[row]) {
          let place = window.scored[row] - chunk.lowerBound
          result.replace(from: row, by: hidden, place..<place + 1)
          row += 1
        }
      }
    } catch {
      throw error.in(file: name)
    }
    return result
  }
}

/// Work on many windows, or groups of them: whole ones are shared among the threads, and threads left over share the work inside one.
struct WindowWork {
  let count: Int
  let workers: Int
  private let compute: Compute

  init(count: Int, threads: Int, kernels: Kernels) {
    self.count = count
    workers = max(1, min(threads, count))
    compute = Compute(threads: max(1, threads / workers), kernels: kernels)
  }

  /// What `body` makes of each window, in their order; `finished`, where it is given, is told of each as it is done, one call at a time.
  func map<Result: Sendable>(
    _ body: @Sendable (_ window: Int, Compute) throws(CheckpointError) -> Result,
    finished: @Sendable (_ result: Result, _ done: Int) -> Void = { _, _ in }
  ) throws(CheckpointError) -> [Result] {
    let state = Lock((results: [Result?](repeating: nil, count: count), done: 0))
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
    return state.withLock { $0.results.compactMap { $0 } }
  }
}
