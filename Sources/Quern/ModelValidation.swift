import Base
import Corpus
import Evaluation

/// What was lost between a model before and a model after, on the same texts.
///
/// Definitions of all figures are in `docs/validation.md` of the repository; they depend on files, texts and settings alone, to the last bit.
public struct ModelValidation: Sendable {
  /// What a loss means to somebody who uses the model, by the mean divergence (the upper end of its interval) of the worst text.
  public enum Level: String, Sendable, CaseIterable, Comparable {
    /// Below 0.002 nats a token: nobody can tell the two apart.
    case transparent
    /// Below 0.02 nats a token.
    case good
    /// Below 0.1 nats a token.
    case usable
    /// All else.
    case damaged

    /// The better level is the lesser one.
    public static func < (a: Level, b: Level) -> Bool {
      (allCases.firstIndex(of: a) ?? 0) < (allCases.firstIndex(of: b) ?? 0)
    }

    init(_ level: FidelityLevel) {
      self =
        switch level {
        case .transparent: .transparent
        case .good: .good
        case .usable: .usable
        case .damaged: .damaged
        }
    }
  }

  /// The figures of one text, or of all together.
  public struct Figures: Sendable {
    /// The text; nil for all together.
    public let text: String?
    /// Mean Kullback-Leibler divergence of the predictions after from those before, in nats a token.
    public let divergence: Figure
    /// exp of the mean negative log-likelihood, before; nil where it is not known.
    public let perplexityBefore: Figure?
    /// The same, after.
    public let perplexityAfter: Figure
    /// Perplexity after over perplexity before, its certainty from the paired differences; nil where that before is.
    public let perplexityRatio: Figure?
    /// The share of positions at which both find the same token likeliest.
    public let agreement: Figure
    /// How much of the five likeliest tokens is the same, as a share.
    public let topFiveOverlap: Figure
    /// The level of the text.
    public let level: Level

    init(_ figures: FidelityFigures, text: String?) {
      self.text = text
      divergence = Figure(figures.divergence.mean)
      perplexityBefore = figures.perplexityBefore.map { Figure($0) }
      perplexityAfter = Figure(figures.perplexityAfter)
      perplexityRatio = figures.perplexityRatio.map { Figure($0) }
      agreement = Figure(figures.top1Agreement)
      topFiveOverlap = Figure(figures.top5Overlap)
      level = Level(figures.level)
    }
  }

  /// How far the weights of one tensor are from those before.
  public struct TensorLoss: Sendable {
    /// Its GGUF name.
    public let name: String
    /// Its types as stored, before and after.
    public let typeBefore, typeAfter: String
    /// The root of the summed squares of all differences over that of all weights before.
    public let relativeError: Double
  }

  /// Over all texts.
  public let all: Figures
  /// Text by text, in their order.
  public let texts: [Figures]
  /// Every tensor that both models have, the worst first.
  public let tensors: [TensorLoss]
  /// Signs that something is wrong with the model after whatever the text, one sentence each; not escaped.
  public let alarms: [String]
  /// The level of the worst text.
  public let level: Level

  /// Compares a model with what it was made of.
  ///
  /// - Parameters:
  ///   - before: the model as it was.
  ///   - after: the model it became; of the same vocabulary.
  ///   - texts: what they are compared on; those that come with the library (``EvaluationText/builtIn``) unless given.
  ///   - context: tokens of a window, at least 4.
  ///   - windows: how many of each text to take, from its beginning; all if nil.
  ///   - precision: how finely activations of `after` meet its weights; `before` is exact. ``ActivationPrecision/deployed`` judges what
  ///     llama.cpp will answer with the file on a CPU.
  ///   - threads: how many to use; all processors if nil. The figures do not depend on it.
  ///   - progress: told after each window, one call at a time, from any thread.
  ///   - isCancelled: asked, from several threads, whether to stop; a cancelled `Task` stops too.
  /// - Throws: `mismatch` when tokens or vocabularies differ or a text is too short, `malformed`, naming the model, when logits or weights are
  ///   not numbers, `usage` for a text that is named twice, `cancelled`.
  public init(
    before: RunnableModel, after: RunnableModel, on texts: [EvaluationText] = EvaluationText.builtIn,
    context: Int = EvaluationText.builtInContext, windows: Int? = nil,
    precision: ActivationPrecision = .exact, threads: Int? = nil,
    progress: @escaping @Sendable (WorkProgress) -> Void = { _ in }, isCancelled: (@Sendable () -> Bool)? = nil
  ) throws(QuernError) {
    let validation = try told(unless: isCancelled) { () throws(CheckpointError) in
      guard !texts.isEmpty else { throw CheckpointError(.usage, "there is no text to compare the models on") }
      return try Validation.measure(
        before: before.opened, after: [after.opened], texts: texts.map(\.source), context: context, windows: windows,
        precision: precision.precision, threads: threads ?? Threads.available
      ) { progress(WorkProgress(done: Double($0.windowsDone), total: Double($0.windows), tensor: nil)) }
    }
    let result = validation.after[0]
    all = Figures(result.all, text: nil)
    self.texts = zip(result.categories, validation.texts).map { Figures($0, text: $1.name) }
    tensors = result.tensors.map {
      TensorLoss(
        name: $0.name, typeBefore: $0.typeBefore, typeAfter: $0.typeAfter, relativeError: $0.relativeError)
    }
    alarms = result.alarms + result.all.alarms
    level = Level(result.level)
  }
}

extension EvaluationText {
  /// Ten short texts of ten kinds that come with the library.
  public static var builtIn: [EvaluationText] {
    Corpus.texts.map { EvaluationText(TextSource(name: $0.name, bytes: $0.bytes)) }
  }

  /// Tokens of a window of ``builtIn``: short enough for eight windows of each, below which no text earns the best level.
  public static let builtInContext = Corpus.context
}
