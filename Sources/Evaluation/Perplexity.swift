import Architectures
import Engine
import Quants
import Synchronization
import Tensors
import Tokenizers

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

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
    ]
    return .object(object)
  }
}

extension Perplexity {
  /// Measures a model on a text (UTF-8 bytes).
  ///
  /// The figures depend on file, text, `context` and `windows` alone: not on `threads`, to the last bit. `windows` limits how many are
  /// taken from the beginning. `textName` is what errors call the text. `progress` is called after each window, one call at a time.
  ///
  /// Throws `mismatch` when the text is too short for one window or the context is not one the model can have, `malformed` when the
  /// model's logits are not numbers.
  package static func measure(
    _ opened: OpenedModel, text: [UInt8], textName: String? = nil, context: Int = 512, windows limit: Int? = nil,
    threads: Int,
    kernels: Kernels = .best, progress: @escaping @Sendable (Progress) -> Void = { _ in }
  ) throws(CheckpointError) -> Perplexity {
    let model = opened.model
    guard context >= 4, context <= model.contextLength else {
      throw CheckpointError(
        .mismatch, "a context of \(context) is not between 4 and the \(model.contextLength) the model is made for",
        file: opened.name)
    }
    let windows = try TextWindows(
      text, name: textName, tokenizer: opened.tokenizer, context: context, limit: limit)
    let count = windows.count

    let clock = ContinuousClock()
    let started = clock.now
    let likelihoods: [[Double]]
    do throws(CheckpointError) {
      likelihoods = try scores(windows, model: model, threads: threads, kernels: kernels, progress: progress)
    } catch {
      throw opened.explained(error).in(file: opened.name)
    }
    let elapsed = started.duration(to: clock.now) / .seconds(1)

    var statistics = Statistics()
    for window in likelihoods { statistics.add(window) }
    return Perplexity(
      perplexity: statistics.perplexity, standardError: statistics.standardError, tokensScored: statistics.count,
      windows: count, context: context, tokensPerSecond: Double(count * context) / elapsed, seconds: elapsed,
      model: opened.name, textSHA256: windows.sha256)
  }

  /// ln p of the scored tokens, window by window.
  ///
  /// Windows are independent, so each thread takes whole windows; threads left over share the work inside one.
  static func scores(
    _ text: TextWindows, model: any LanguageModel, threads: Int, kernels: Kernels,
    progress: @escaping @Sendable (Progress) -> Void
  ) throws(CheckpointError) -> [[Double]] {
    let (windows, context, scored) = (text.count, text.context, text.scored)
    let workers = max(1, min(threads, windows))
    let compute = Compute(threads: max(1, threads / workers), kernels: kernels)
    let done = Mutex((results: [[Double]](repeating: [], count: windows), statistics: Statistics(), count: 0))
    try parallelRows(count: windows, threads: workers) { part throws(CheckpointError) in
      for window in part {
        let line = text[window]
        var state = model.makeState(capacity: context)
        var result: [Double] = []
        for slice in Slices.of(context) {
          let hidden = try model.forward(Array(line[slice]), state: &state, compute: compute)
          let rows = slice.clamped(to: scored)
          if rows.isEmpty { continue }
          result += try LogProbability.of(
            Array(line[rows.lowerBound + 1..<rows.upperBound + 1]), predictedBy: hidden,
            rows: rows.lowerBound - slice.lowerBound..<rows.upperBound - slice.lowerBound, model: model,
            compute: compute)
        }
        done.withLock { done in
          done.results[window] = result
          done.statistics.add(result)
          done.count += 1
          progress(Progress(windowsDone: done.count, windows: windows, perplexity: done.statistics.perplexity))
        }
      }
    }
    return done.withLock { $0.results }
  }

  /// Mean and spread of negative log-likelihoods.
  struct Statistics: Sendable {
    private(set) var count = 0
    private var sum = 0.0
    private var squares = 0.0

    mutating func add(_ logProbabilities: [Double]) {
      for value in logProbabilities {
        sum -= value
        squares += value * value
      }
      count += logProbabilities.count
    }

    var perplexity: Double { exp(sum / Double(count)) }

    var standardError: Double {
      let mean = sum / Double(count)
      let variance = squares / Double(count) - mean * mean
      return count > 1 && variance > 0 ? (variance / Double(count - 1)).squareRoot() * perplexity : 0
    }
  }
}
