import Architectures
import Base
import Containers
import Engine
import Quants
import Runtime
import Tokenizers

/// What was lost between a model before and models after, on the same texts: definitions in docs/validation.md.
package struct Validation: Sendable {
  /// Changes whenever a figure's definition does.
  package static let definitionsVersion = 1

  /// A model that took part.
  package struct Model: Sendable {
    package var name: String
    /// Of the text model's tensors as stored: a vision encoder is counted on neither side, since it may be a file of its own.
    package let bytes: UInt64
    package let bitsPerWeight: Double

    init(_ opened: OpenedModel) {
      let text = opened.textWeights
      self.init(name: opened.name, bytes: text.bytes, weights: text.count)
    }

    /// A model by its numbers; 0 where they are not known.
    init(name: String, bytes: UInt64, weights: UInt64) {
      self.name = name
      self.bytes = bytes
      bitsPerWeight = weights > 0 ? Double(bytes) * 8 / Double(weights) : 0
    }
  }

  /// One text of the comparison.
  package struct Text: Sendable {
    package var name: String
    package let sha256: String
    package let context: Int
    package let windows: Int
    package let tokens: Int
    /// What was left out and why, one sentence each.
    package var notes: [String] = []
  }

  /// What became of the model.
  package struct Result: Sendable {
    package var model: Model
    /// Over all texts.
    package let all: FidelityFigures
    /// Text by text, in their order.
    package let categories: [FidelityFigures]
    package var worst: [WorstPosition]
    /// Layer by layer from the embedding on; empty where it was not measured.
    package var layers: [LayerDrift] = []
    /// Every tensor that both models have, the worst first; empty where it was not measured.
    package var tensors: [TensorDifference] = []
    /// nil where it was not measured.
    package var firstDifference: FirstDifference?
    /// nil where no pictures were shown.
    package var pictures: PictureFidelity?
    /// Signs that something is wrong with the model, whatever the text.
    package var alarms: [String] = []

    /// The level of the worst text, or of the pictures where that is worse.
    package var level: FidelityLevel {
      (categories.map(\.level) + (pictures.map { [$0.level] } ?? [])).max() ?? all.level
    }
  }

  /// A position at which the two models differ most.
  package struct WorstPosition: Sendable {
    package let text: Int
    package let window: Int
    /// In the window.
    package let position: Int
    /// The tokens that lead to it, as text.
    package var context: String
    package let comparison: PositionComparison
    package var token: String
    package var topBefore: [String]
    package var topAfter: [String]
  }

  package var before: Model
  package var after: [Result]
  package var texts: [Text]
  /// Every two models after, on all texts.
  package var comparisons: [ModelDifference] = []
  /// What both were shown; empty where no pictures were.
  package var pictures: [ComparedPicture] = []
  /// At which the models after ran; the one before is always exact.
  package let precision: Precision
  /// The name of the level whose kernels ran.
  package let kernels: String
  package let seconds: Double
  /// The file that stood for the model before; nil where it ran itself.
  package var reference: Reference?

  /// How far a validation is; a question about a picture counts as a window, which it takes about as long as.
  package struct Progress: Sendable {
    package let windowsDone: Int
    package let windows: Int
  }
}

extension Validation {
  /// Compares models on texts (name and UTF-8 bytes).
  ///
  /// With `isolates`, every layer of a model after is also run on what the same layer of the model before was fed.
  ///
  /// The model before is computed exactly, those after at `precision`: `deployed` says how far what a runtime answers is from the model
  /// as it was. The figures depend on files, texts, `context`, `windows` (of each text, from its beginning) and `precision` alone: not on
  /// `threads`, to the last bit. `prompts` says how many windows are continued, at most; a share of the time decides unless given. With a
  /// `recorder` the model before is recorded on the way, and there need be no models after.
  ///
  /// - Throws: `mismatch` when the models' tokens or vocabularies differ, when a text is too short for a window, or when a model is not made
  ///   for the context; `malformed`, naming the model, when logits or weights are not numbers.
  package static func measure(
    before: OpenedModel, after: [OpenedModel], texts: [TextSource], context: Int, windows limit: Int?,
    prompts: Int? = nil, isolates: Bool = false, pictures: PictureTask? = nil, precision: Precision = .exact,
    threads: Int, kernels: Kernels = .best, recorder: BaselineRecorder? = nil,
    progress: @escaping @Sendable (Progress) -> Void = { _ in }
  ) throws(CheckpointError) -> Validation {
    precondition((!after.isEmpty || recorder != nil) && !texts.isEmpty, "something is compared on something")
    for model in [before] + after { try model.require(context: context) }
    for model in after { try requireSameVocabulary(before.model.vocabularySize, before.name, model) }
    let clock = ContinuousClock()
    let started = clock.now
    var cut: [TextWindows] = []
    for text in texts {
      let read = try text.windows(before, before: before, context: context, limit: limit)
      if let twin = cut.first(where: { $0.windows == read.windows }) {
        throw CheckpointError(
          .usage, "this is the same text as \(twin.name), and says nothing new; leave one of them out",
          file: read.name)
      }
      for model in after {
        try requireSameTokens(
          read, text.windows(model, before: before, context: context, limit: limit), before, model)
      }
      cut.append(read)
    }
    let tensors = try WeightComparison.differences(before, after, threads: threads)
    try recorder?.begin(before, cut, context: context)
    let comparison = ModelComparison(
      before: before, after: after, isolates: isolates, precision: precision, recorder: recorder, kernels: kernels)
    let questions = pictures?.questions ?? 0
    let (positions, layers) = try comparison.positions(of: cut, threads: threads) { text in
      progress(Progress(windowsDone: text.windowsDone, windows: text.windows + questions))
    }
    let differences = try Continuations(before: before, after: after, precision: precision, kernels: kernels)
      .differences(in: cut, limit: prompts, threads: threads)
    let windows = cut.reduce(0) { $0 + $1.count }
    let shown = try pictures?.measure(precision: precision, threads: threads, kernels: kernels) { done in
      progress(Progress(windowsDone: windows + done, windows: windows + questions))
    }
    var validation = assembled(
      positions, before: Model(before), after: after, texts: cut, tokenizer: before.tokenizer,
      precision: precision, kernels: kernels, seconds: started.duration(to: clock.now) / .seconds(1))
    validation.pictures = shown?.pictures ?? []
    for index in after.indices {
      validation.after[index].layers = layers[index]
      validation.after[index].tensors = tensors[index]
      validation.after[index].firstDifference = differences[index]
      validation.after[index].pictures = shown?.after[index]
      validation.after[index].alarms =
        TokenAlarms.of(before, after[index]) + DriftAlarms.of(layers: layers[index], tensors: tensors[index])
    }
    return validation
  }

  /// The result of positions, [text][model after][window][position].
  static func assembled(
    _ positions: [ModelComparison.Positions], before: Model, after: [OpenedModel], texts: [TextWindows],
    tokenizer: Tokenizer, isBeforeRounded: Bool = false, precision: Precision, kernels: Kernels, seconds: Double
  ) -> Validation {
    func figures(_ windows: [[PositionComparison]]) -> FidelityFigures {
      FidelityFigures(windows, isBeforeRounded: isBeforeRounded)
    }
    let results = after.indices.map { index in
      let categories = positions.map { $0[index] }
      return Result(
        model: Model(after[index]), all: figures(categories.flatMap { $0 }), categories: categories.map(figures),
        worst: worst(categories, texts, tokenizer))
    }
    let divergences = after.indices.map { index in
      positions.flatMap { $0[index].map { $0.map(\.divergence) } }
    }
    return Validation(
      before: before, after: results,
      texts: texts.map {
        Text(
          name: $0.name, sha256: $0.sha256, context: $0.context, windows: $0.count,
          tokens: $0.tokensScored, notes: $0.notes)
      }, comparisons: ModelDifference.all(divergences, results.map(\.level)), precision: precision,
      kernels: kernels.name, seconds: seconds)
  }

  static func requireSameVocabulary(_ first: Int, _ name: String, _ after: OpenedModel) throws(CheckpointError) {
    let second = after.model.vocabularySize
    guard first != second else { return }
    throw CheckpointError(
      .mismatch,
      "its vocabulary has \(second) tokens, that of \(name) \(first): the two cannot be compared token by token",
      file: after.name)
  }

  private static func requireSameTokens(
    _ windows: TextWindows, _ found: TextWindows, _ before: OpenedModel, _ after: OpenedModel
  ) throws(CheckpointError) {
    guard let (place, expected, id) = windows.firstDifference(from: found) else { return }
    func named(_ id: Int32?) -> String { id.map { "id \($0)" } ?? "no token" }
    throw CheckpointError(
      .mismatch,
      "its tokenizer reads \(windows.name) otherwise than that of \(before.name): token \(place) is \(named(id)) instead of "
        + "\(named(expected))", file: after.name)
  }

  /// Positions shown as the worst.
  private static let worstCount = 20
  /// Tokens shown before each.
  private static let contextTokens = 24

  private static func worst(
    _ categories: [[[PositionComparison]]], _ texts: [TextWindows], _ tokenizer: Tokenizer
  ) -> [WorstPosition] {
    var places: [(text: Int, window: Int, index: Int, divergence: Double)] = []
    for (text, windows) in categories.enumerated() {
      for (window, positions) in windows.enumerated() {
        for (index, position) in positions.enumerated() { places.append((text, window, index, position.divergence)) }
      }
    }
    // The sort is not stable; of equals the first in the text comes first.
    places.sort { a, b in
      a.divergence != b.divergence
        ? a.divergence > b.divergence : (a.text, a.window, a.index) < (b.text, b.window, b.index)
    }
    return places.prefix(worstCount).map { place in
      let text = texts[place.text]
      let comparison = categories[place.text][place.window][place.index]
      let line = text[place.window].tokens
      let position = text[place.window].scored[place.index]
      return WorstPosition(
        text: place.text, window: place.window, position: position,
        context: tokenizer.decode(Array(line[max(0, position + 1 - contextTokens)...position])),
        comparison: comparison, token: tokenizer.decode([comparison.token]),
        topBefore: comparison.topBefore.map { tokenizer.decode([$0]) },
        topAfter: comparison.topAfter.map { tokenizer.decode([$0]) })
    }
  }
}

extension OpenedModel {
  /// Bytes and weights of all tensors but those of the vision encoder.
  var textWeights: (bytes: UInt64, count: UInt64) {
    let vision = Set(
      architecture.rules.filter { $0.part == .vision }.map { BinaryString($0.name(in: checkpoint)) })
    return checkpoint.tensors.reduce((bytes: 0, count: 0)) { sum, tensor in
      guard !vision.contains(BinaryString(tensor.name)) else { return sum }
      return (sum.bytes + UInt64(tensor.byteCount), sum.count + UInt64(tensor.shape.elementCount))
    }
  }
}
