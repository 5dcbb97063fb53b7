import Base
import Engine
import Quants
import Runtime

/// The model before goes on from the beginning of some windows, and the models after are asked where they would have gone elsewhere.
///
/// A model after writes nothing: it reads prompt and continuation once, and the first token that it would not have chosen is where its
/// own continuation leaves. Several prompts go side by side, so that each weight is unpacked once for all of them.
struct Continuations: Sendable {
  let before: OpenedModel
  let after: [OpenedModel]
  /// At which the models after run; the one before is exact.
  let precision: Precision
  let kernels: Kernels

  /// Tokens of a prompt.
  static let promptLength = 64
  /// Tokens that follow.
  static let length = 48
  /// Prompts that go side by side; bounds the memory that recurrent layers take for each.
  private static let company = 8
  /// Nats by which a token has to be preferred: the two ways of a recurrent layer round differently.
  private static let rounding = 1e-4

  /// Prompts for so many tokens of text, unless somebody says: a prompt takes as long as about 130 tokens of text, and together they may
  /// take a twentieth of the time.
  static func prompts(for tokens: Int) -> Int { max(4, min(16, tokens / 2500)) }

  /// How long each model after follows the model before; nil for each where no window is as long as a prompt, or the models have no room
  /// for a continuation.
  ///
  /// Prompts are the beginnings of the first window of each text, then of the second ones, until there are `limit`. The figures do not
  /// depend on the number of threads.
  func differences(
    in texts: [TextWindows], limit: Int?, threads: Int
  ) throws(CheckpointError) -> [FirstDifference?] {
    let tokens = texts.reduce(0) { $0 + $1.windows.reduce(0) { $0 + $1.tokens.count } }
    let prompts = Self.beginnings(of: texts, limit: limit ?? Self.prompts(for: tokens))
    let needed = Self.promptLength + Self.length
    guard !after.isEmpty, !prompts.isEmpty, ([before] + after).allSatisfy({ $0.model.contextLength >= needed }) else {
      return after.map { _ in nil }
    }
    let compute = Compute(threads: threads, kernels: kernels)
    let weights = ([before] + after).map { ResidentWeights($0) }
    var identical = after.map { _ in [Int]() }
    for start in stride(from: 0, to: prompts.count, by: Self.company) {
      let some = Array(prompts[start..<min(start + Self.company, prompts.count)])
      let answers = try continued(some, compute)
      // One model at a time stands in memory.
      weights[0].release()
      for (index, model) in after.enumerated() {
        identical[index] += try followed(some, answers, by: model, compute.at(precision))
        weights[index + 1].release()
      }
    }
    return identical.map { FirstDifference(length: Self.length, promptLength: Self.promptLength, identical: $0) }
  }

  private static func beginnings(of texts: [TextWindows], limit: Int) -> [[Int32]] {
    var result: [[Int32]] = []
    for window in 0..<(texts.map(\.count).max() ?? 0) {
      for text in texts where window < text.count && text[window].tokens.count >= promptLength {
        if result.count == limit { return result }
        result.append(Array(text[window].tokens[..<promptLength]))
      }
    }
    return result
  }

  /// What the model before goes on with, by its likeliest token each time.
  private func continued(_ prompts: [[Int32]], _ compute: Compute) throws(CheckpointError) -> [[Int32]] {
    var state = before.model.makeState(
      capacity: Self.promptLength + Self.length, sequences: prompts.count)
    // As long as the lines that models after follow in one go, so that both turn them alike.
    state.announce(length: Self.promptLength + Self.length - 1)
    var answers = prompts.map { _ in [Int32]() }
    var newest = prompts
    for _ in 0..<Self.length {
      let hidden = try before.named { () throws(CheckpointError) in
        try before.model.forward(newest, state: &state, compute: compute)
      }
      let length = newest[0].count
      let last = Activations(rows: prompts.count, columns: hidden.columns)
      for index in prompts.indices {
        let row = (index + 1) * length - 1
        last.replace(from: index, by: hidden, row..<row + 1)
      }
      let rows = try before.predictions(last, 0..<prompts.count, compute)
      for (index, row) in rows.enumerated() { answers[index].append(row.top[0]) }
      newest = rows.map { [$0.top[0]] }
    }
    return answers
  }

  /// How many tokens of each answer a model would have written too.
  private func followed(
    _ prompts: [[Int32]], _ answers: [[Int32]], by opened: OpenedModel, _ compute: Compute
  ) throws(CheckpointError) -> [Int] {
    let lines = zip(prompts, answers).map { $0 + $1.dropLast() }
    var state = opened.model.makeState(capacity: lines[0].count, sequences: lines.count)
    let hidden = try opened.named { () throws(CheckpointError) in
      try opened.model.forward(lines, state: &state, compute: compute)
    }
    var result: [Int] = []
    for (index, answer) in answers.enumerated() {
      let first = index * lines[0].count + Self.promptLength - 1
      let rows = try opened.predictions(hidden, first..<first + Self.length, compute)
      let same = zip(rows, answer).prefix { row, token in
        row.top[0] == token
          || row.logProbability(row.top[0]) - row.logProbability(token) < Self.rounding
      }
      result.append(same.count)
    }
    return result
  }
}

extension OpenedModel {
  /// The rows of logits that some hidden states predict.
  ///
  /// - Throws: `malformed`, naming the model, when one is not a number.
  func predictions(
    _ hidden: Activations, _ rows: Range<Int>, _ compute: Compute
  ) throws(CheckpointError) -> [LogitRow] {
    let normed = model.normed(hidden, rows: rows, compute: compute)
    let logits = model.logits(normed, vocabulary: 0..<model.vocabularySize, compute: compute)
    var result: [LogitRow] = []
    for row in 0..<logits.rows {
      let prediction = LogitRow(logits, row: row, compute.kernels)
      // One logit that is not a number spoils the sum.
      guard prediction.logSum.isFinite else { throw explained(LogitCheck.failure.in(file: name)) }
      result.append(prediction)
    }
    return result
  }

  /// Runs something of this model, whose errors name it.
  func named<Result>(_ body: () throws(CheckpointError) -> Result) throws(CheckpointError) -> Result {
    do throws(CheckpointError) { return try body() } catch { throw error.in(file: name) }
  }
}
