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
/// The text is tokenized once and cut into windows of `context` tokens, back to back; what does not fill a window is dropped. Control
/// tokens in it are text like any other, added tokens that are text (`<think>`) are themselves. Where the tokenizer puts a
/// beginning-of-sequence token before a text, it stands before the first window and in place of the first token of every window. Of
/// each window, positions context/2 ... context-2 predict their successors. Every window starts from nothing.
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
    let tokenizer = opened.tokenizer
    let beginning = tokenizer.special.isAdded[.beginning] == true ? tokenizer.special[.beginning] : nil
    let tokens = (beginning.map { [$0] } ?? []) + (try tokenizer.encode(text, addedTokens: .userDefined))
    let count = min(tokens.count / context, limit ?? Int.max)
    guard count > 0 else {
      throw CheckpointError(
        .mismatch,
        "the text has \(counted(tokens.count, "token")), too few for one window of \(context); take a longer text or a "
          + "smaller --context", file: textName)
    }

    let clock = ContinuousClock()
    let started = clock.now
    let likelihoods: [[Double]]
    do throws(CheckpointError) {
      likelihoods = try scores(
        tokens, beginning: beginning, model: model, context: context, windows: count, threads: threads,
        kernels: kernels, progress: progress)
    } catch {
      throw opened.explained(error).in(file: opened.name)
    }
    let elapsed = started.duration(to: clock.now) / .seconds(1)

    var statistics = Statistics()
    for window in likelihoods { statistics.add(window) }
    var hash = SHA256Hash()
    text.withUnsafeBytes { hash.update($0) }
    return Perplexity(
      perplexity: statistics.perplexity, standardError: statistics.standardError, tokensScored: statistics.count,
      windows: count, context: context, tokensPerSecond: Double(count * context) / elapsed, seconds: elapsed,
      model: opened.name, textSHA256: hash.finalize())
  }

  /// ln p of the scored tokens, window by window.
  ///
  /// Windows are independent, so each thread takes whole windows; threads left over share the work inside one.
  static func scores(
    _ tokens: [Int32], beginning: Int32?, model: any LanguageModel, context: Int, windows: Int, threads: Int,
    kernels: Kernels, progress: @escaping @Sendable (Progress) -> Void
  ) throws(CheckpointError) -> [[Double]] {
    let workers = max(1, min(threads, windows))
    let compute = Compute(threads: max(1, threads / workers), kernels: kernels)
    let done = Mutex((results: [[Double]](repeating: [], count: windows), statistics: Statistics(), count: 0))
    try parallelRows(count: windows, threads: workers) { part throws(CheckpointError) in
      for window in part {
        var line = Array(tokens[window * context..<(window + 1) * context])
        if let beginning { line[0] = beginning }
        var state = model.makeState(capacity: context)
        let scored = context / 2..<context - 1
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
