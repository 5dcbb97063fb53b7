import Base
import Engine
import Quants
import Runtime

extension Validation {
  /// Compares models with a record of the model before.
  ///
  /// With `texts` (name and UTF-8 bytes) only those of the record are taken, and it is an error when one is not in it; without, all are.
  /// `windows` limits how many are taken of each.
  /// - Throws: as the comparison of two models
  ///   does, and what reading the record throws.
  package static func measure(
    record: OpenedRecord, after: [OpenedModel], texts: [TextSource], windows: Int?,
    precision: Precision = .exact, threads: Int, kernels: Kernels = .best,
    progress: @escaping @Sendable (Progress) -> Void = { _ in }
  ) throws(CheckpointError) -> Validation {
    let before = record.content
    guard let first = after.first else {
      throw CheckpointError(
        .usage, "this is a record of a model; name the models to compare with it", file: record.name)
    }
    for model in after {
      try model.require(context: before.context)
      try requireSameVocabulary(before.vocabularySize, record.name, model)
      try before.check(model)
    }
    let clock = ContinuousClock()
    let started = clock.now
    var all: [TextWindows] = []
    for (index, count) in before.windows.enumerated() {
      all.append(try before.text(index, windows: min(count, windows ?? count), first.tokenizer))
    }
    let numbers = try chosen(texts, among: all, record, after)
    let cut = numbers.map { all[$0] }
    let comparison = RecordedComparison(before: before, after: after, precision: precision, kernels: kernels)
    let positions = try comparison.positions(of: cut, numbers: numbers, threads: threads, progress: progress)
    let isRounded = before.reference.kind == .llamaPerplexity
    var result = assembled(
      positions, before: before.model, after: after, texts: cut, tokenizer: first.tokenizer,
      isBeforeRounded: isRounded, precision: precision, kernels: kernels,
      seconds: started.duration(to: clock.now) / .seconds(1))
    result.reference = before.reference
    return result
  }

  /// The numbers of texts in the record: of all unless some are named, which have to be read as they were then.
  private static func chosen(
    _ texts: [TextSource], among all: [TextWindows], _ record: OpenedRecord, _ after: [OpenedModel]
  ) throws(CheckpointError) -> [Int] {
    if texts.isEmpty { return Array(all.indices) }
    var numbers: [Int] = []
    for text in texts {
      var number: Int?
      for model in after {
        let windows = try text.windows(model, before: model, context: record.context, limit: nil)
        let same = all.firstIndex { recorded in
          recorded.count <= windows.count && (0..<recorded.count).allSatisfy { recorded[$0] == windows[$0] }
        }
        guard let same, number == nil || number == same else {
          throw CheckpointError(
            .mismatch,
            "\(record.name) was not made of this text, as \(model.name) reads it", file: text.name,
            remedy: .useRecordedText)
        }
        number = same
      }
      if let number {
        guard !numbers.contains(number) else {
          throw CheckpointError(.usage, "this text was named before, and says nothing new", file: text.name)
        }
        numbers.append(number)
      }
    }
    return numbers
  }
}
