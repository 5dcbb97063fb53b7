import Base
import Engine
import Quants
import Runtime
import Libc

/// How well a model predicts a text: exp of the mean negative log-likelihood, by llama-perplexity's definition.
///
/// The text is cut as ``TextWindows`` says, and every window starts from nothing.
package struct Perplexity: Sendable, Equatable {
  package var perplexity: Double
  /// Of the perplexity: itself times the standard error of the mean negative log-likelihood.
  package var standardError: Double
  package var tokensScored: Int
  package var windows: Int
  package var context: Int
  /// Tokens that went through the model (windows x context) per second of evaluation, tokenization not counted.
  package var tokensPerSecond: Double
  package var seconds: Double
  package var model: String
  package var textSHA256: String
  package var precision: Precision
  /// The name of the level whose kernels ran.
  package var kernels: String

  /// How far an evaluation is.
  package struct Progress: Sendable {
    package let windowsDone: Int
    package let windows: Int
    /// Over the windows done so far, in whichever order they finished.
    package let perplexity: Double
  }

  /// The result with the keys of the command line.
  package var json: OrderedJSON {
    let object: OrderedObject = [
      "perplexity": .number(perplexity), "standard_error": .number(standardError),
      "tokens_scored": .integer(Int64(tokensScored)), "windows": .integer(Int64(windows)),
      "context": .integer(Int64(context)), "tokens_per_second": .number(tokensPerSecond), "seconds": .number(seconds),
      "model": .string(model), "text_sha256": .string(textSHA256),
      "precision": .string(precision.rawValue), "kernels": .string(kernels),
    ]
    return .object(object)
  }
}

extension Perplexity {
  /// Measures a model on a text (UTF-8 bytes).
  ///
  /// The figures depend on file, text, `context`, `windows` and `precision` alone: not on `threads`, to the last bit. `windows` limits how
  /// many are taken from the beginning. `textName` is what errors call the text. `progress` is called after each window, one call at a time.
  ///
  /// - Throws: `mismatch` when the text is too short for one window or the context is not one the model can have, `malformed` when the
  ///   model's logits are not numbers.
  package static func measure(
    _ opened: OpenedModel, text: [UInt8], textName: String? = nil, context: Int = 512, windows limit: Int? = nil,
    precision: Precision = .exact, threads: Int,
    kernels: Kernels = .best, progress: @escaping @Sendable (Progress) -> Void = { _ in }
  ) throws(CheckpointError) -> Perplexity {
    try opened.require(context: context)
    let text = try TextWindows(text, name: textName, tokenizer: opened.tokenizer, context: context, limit: limit)

    let clock = ContinuousClock()
    let started = clock.now
    let likelihoods: [Double]
    do throws(CheckpointError) {
      likelihoods = try scores(
        text, opened, precision: precision, threads: threads, kernels: kernels, progress: progress
      ).flatMap { $0 }
    } catch {
      throw opened.explained(error).in(file: opened.name)
    }
    let elapsed = started.duration(to: clock.now) / .seconds(1)

    // llama-perplexity takes every token for an independent one: each is a unit of its own.
    let result = Estimate(likelihoods.map { WindowSum([-$0]) { $0 } }).exponential
    return Perplexity(
      perplexity: result.value, standardError: result.standardError ?? 0, tokensScored: result.count,
      windows: text.count, context: context, tokensPerSecond: Double(text.count * context) / elapsed, seconds: elapsed,
      model: opened.name, textSHA256: text.sha256, precision: precision, kernels: kernels.name)
  }

  /// ln p of the scored tokens, window by window.
  static func scores(
    _ text: TextWindows, _ opened: OpenedModel, precision: Precision, threads: Int, kernels: Kernels,
    progress: @escaping @Sendable (Progress) -> Void
  ) throws(CheckpointError) -> [[Double]] {
    let together = TokensTogether(context: text.context, model: opened.model, threads: threads)
    let groups = together.groups(of: text, threads: threads)
    let sofar = Lock((sum: 0.0, count: 0, windows: 0))
    let work = WindowWork(
      count: groups.count, threads: threads, most: together.workers, kernels: kernels, precision: precision)
    return try work.map { group, compute throws(CheckpointError) in
      let windows = groups[group].map { text[$0] }
      let hidden = try opened.states(of: windows, piece: together.piece, compute)
      let scores = try LogProbability.of(
        windows.flatMap(\.targets), predictedBy: hidden, rows: 0..<hidden.rows, model: opened.model, compute: compute)
      var rest = scores[...]
      return windows.map { window in
        defer { rest = rest.dropFirst(window.scored.count) }
        return Array(rest.prefix(window.scored.count))
      }
    } finished: { scores, _ in
      for window in scores {
        let now = sofar.withLock { sofar in
          sofar.sum -= window.reduce(0, +)
          sofar.count += window.count
          sofar.windows += 1
          return Progress(
            windowsDone: sofar.windows, windows: text.count, perplexity: exp(sofar.sum / Double(sofar.count)))
        }
        progress(now)
      }
    }.flatMap { $0 }
  }
}
