import Base
import Engine
import Evaluation
import Runtime
import Tokenizers

/// A model that is ready to run: its weights as stored, its mathematics and its tokenizer.
///
/// It computes in F32 on the bytes as stored, by the published definition of its family: what is measured is the file, not an
/// approximation of it, unless an ``ActivationPrecision`` asks for one. Results are the same, to the bit, for any number of threads. It is
/// the judge of what a quantization lost rather than a fast chat engine.
public struct RunnableModel: Sendable {
  let opened: OpenedModel

  /// Opens a model to run; weights stay in their files until they are used.
  ///
  /// - Parameter source: what ``Model/init(_:)`` takes.
  /// - Throws: what ``Model/init(_:)`` throws; `unsupported` for a family or a format that cannot be run, `missing` or `mismatch` for
  ///   tensors and tokens that do not fit together.
  public init(_ source: String) throws(QuernError) {
    opened = try told { () throws(CheckpointError) in try OpenedModel(source) }
  }

  /// The source as it was named.
  public var name: String { opened.name }
  /// The longest sequence the model is made for, in tokens.
  public var contextLength: Int { opened.model.contextLength }
  /// Its tokenizer.
  public var tokenizer: TextTokenizer { TextTokenizer(opened.tokenizer) }
  /// What to know about how the model was understood, one sentence each; not escaped.
  public var notes: [String] { opened.notes }

  /// Continues a prompt.
  ///
  /// - Parameters:
  ///   - prompt: the text; one user turn in the model's chat format unless `isPlain`.
  ///   - isPlain: takes the prompt as it is.
  ///   - limit: the most tokens to generate, at least one; the model's context limits too.
  ///   - sampling: how tokens are chosen; the likeliest one unless given.
  ///   - precision: how finely activations meet weights.
  ///   - threads: how many to use; all processors if nil.
  ///   - onText: told the pieces of the answer, whole characters each, on the calling thread.
  ///   - isCancelled: asked, from several threads, whether to stop; a cancelled `Task` stops too.
  /// - Returns: the answer, without the token that ended it.
  /// - Throws: `missing` or `unsupported` when the model has no chat format that is known, `mismatch` for a prompt that is empty or leaves no
  ///   room in the context, `malformed` when the logits are not numbers, with the place of the damage where it is found, `cancelled`.
  public func answer(
    to prompt: String, isPlain: Bool = false, limit: Int = 64, sampling: TokenSampling = TokenSampling(),
    precision: ActivationPrecision = .exact, threads: Int? = nil, onText: (String) -> Void = { _ in },
    isCancelled: (@Sendable () -> Bool)? = nil
  ) throws(QuernError) -> Answer {
    try told(unless: isCancelled) { () throws(CheckpointError) in
      let input = try opened.promptTokens(prompt, raw: isPlain)
      let limit = min(max(1, limit), try opened.room(after: input))
      var session = Session(
        model: opened.model,
        compute: Compute(threads: threads ?? Threads.available, precision: precision.precision),
        capacity: Session.capacity(prompt: input.count, limit: limit),
        draft: sampling.temperature > 0 ? nil : opened.draftBlock())
      var sampler = sampling.sampler
      var decoder = StreamingDecoder(opened.tokenizer)
      try session.read(input)
      let tokens = try opened.answer(limit, session: &session, sampler: &sampler) { onText(decoder.append($0)) }
      onText(decoder.finish())
      return Answer(text: opened.tokenizer.decode(tokens), tokens: tokens, promptTokens: input)
    }
  }

  /// Measures how well the model predicts a text: llama-perplexity's definition, so that figures can be compared.
  ///
  /// Windows of `context` tokens lie back to back; of each, positions context/2 to context-2 predict their successor. The perplexity is exp of
  /// the mean negative log-likelihood.
  ///
  /// - Parameters:
  ///   - text: what is predicted.
  ///   - context: tokens of a window, at least 4.
  ///   - windows: how many to take, from the beginning; all if nil.
  ///   - precision: how finely activations meet weights; ``ActivationPrecision/deployed`` gives what llama-perplexity finds on a CPU.
  ///   - threads: how many to use; all processors if nil. The figure does not depend on it.
  ///   - progress: told after each window, one call at a time, from any thread.
  ///   - isCancelled: asked, from several threads, whether to stop; a cancelled `Task` stops too.
  /// - Returns: the perplexity with its standard error.
  /// - Throws: `mismatch` for a text that is too short for one window or a context that the model is not made for, `malformed` when the logits
  ///   are not numbers, `cancelled`.
  public func perplexity(
    on text: EvaluationText, context: Int = 512, windows: Int? = nil, precision: ActivationPrecision = .exact,
    threads: Int? = nil, progress: @escaping @Sendable (WorkProgress) -> Void = { _ in },
    isCancelled: (@Sendable () -> Bool)? = nil
  ) throws(QuernError) -> Figure {
    let result = try told(unless: isCancelled) { () throws(CheckpointError) in
      try Perplexity.measure(
        opened, text: text.source.bytes, textName: text.name, context: context, windows: windows,
        precision: precision.precision, threads: threads ?? Threads.available
      ) { progress(WorkProgress(done: Double($0.windowsDone), total: Double($0.windows), tensor: nil)) }
    }
    return Figure(
      value: result.perplexity, standardError: result.standardError, interval: nil, count: result.tokensScored)
  }
}

/// What a model answered.
public struct Answer: Sendable, Hashable {
  /// The text, special tokens left in.
  public let text: String
  /// Its tokens, without the one that ended it.
  public let tokens: [Int32]
  /// The tokens of the prompt, chat format included.
  public let promptTokens: [Int32]
}

/// How the next token is chosen; the same settings give the same text.
public struct TokenSampling: Sendable, Hashable {
  /// 0 takes the likeliest token; above that tokens are drawn from the probabilities at this temperature.
  public var temperature: Float
  /// Draws only among so many likeliest tokens; 0 for all.
  public var topK: Int
  /// Draws only among the likeliest tokens that reach this probability together, above 0 and at most 1.
  public var topP: Float
  /// Where drawing begins.
  public var seed: UInt64

  /// The likeliest token, always, unless a temperature is given.
  public init(temperature: Float = 0, topK: Int = 0, topP: Float = 1, seed: UInt64 = 0) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.seed = seed
  }

  var sampler: Sampler { Sampler(temperature: temperature, topK: topK, topP: topP, seed: seed) }
}

/// A text that models are measured on.
public struct EvaluationText: Sendable {
  let source: TextSource

  init(_ source: TextSource) { self.source = source }

  /// A text by its characters.
  ///
  /// - Parameters:
  ///   - name: what results and errors call it.
  ///   - text: the text itself.
  public init(name: String, _ text: String) { source = TextSource(name: name, bytes: Array(text.utf8)) }

  /// Reads a file, which is taken byte for byte as UTF-8.
  ///
  /// - Throws: `missing` or `inputOutput` when it cannot be read, `unsupported` for a folder.
  public init(path: String) throws(QuernError) {
    source = TextSource(
      name: path, bytes: try told { () throws(CheckpointError) in try FileSystem.readText(path) })
  }

  /// What results and errors call it.
  public var name: String { source.name }
}

/// A figure with what is known of its certainty.
public struct Figure: Sendable, Hashable {
  /// Exact, for the very text it was measured on.
  public let value: Double
  /// For text like it; nil for fewer than two windows.
  public let standardError: Double?
  /// The interval that holds the figure of text like it in 95 of 100 cases; nil where it is not known.
  public let interval: ClosedRange<Double>?
  /// Positions it rests on.
  public let count: Int

  init(value: Double, standardError: Double?, interval: ClosedRange<Double>?, count: Int) {
    self.value = value
    self.standardError = standardError
    self.interval = interval
    self.count = count
  }

  init(_ estimate: Estimate) {
    self.init(
      value: estimate.value, standardError: estimate.standardError, interval: estimate.interval, count: estimate.count)
  }
}
