import Engine
import Evaluation

/// What came out, in the words of every report: numbers and the program's own words, no name from a file.
enum Verdict {
  /// One sentence: how much differs, and how sure that is.
  static func sentence(_ result: Validation.Result) -> String {
    let figures = result.all
    var parts = [
      "\(differing(figures)) from the original",
      "the likeliest token is the same at \(Shown.percent(figures.top1Agreement)) of positions",
    ]
    if let ratio = figures.perplexityRatio { parts.append("perplexity is × \(Shown.estimate(ratio, digits: 4))") }
    if let pictures = result.pictures, !pictures.pictures.isEmpty {
      parts.append("\(pictures.sameAnswers) of \(pictures.pictures.count) picture answers are unchanged")
    }
    return parts.joined(separator: "; ") + "."
  }

  /// How often a reader would notice.
  static func differing(_ figures: FidelityFigures) -> String {
    if figures.divergence.mean.value == 0 { return "no sampled token differs" }
    if let share = figures.totalVariation?.mean.value, share > 0 {
      return "one sampled token in \(oneIn(share)) differs"
    }
    // Half the mean absolute difference is at most the root of half the divergence (Pinsker).
    return "at most one sampled token in \(oneIn((figures.divergence.mean.value / 2).squareRoot())) differs"
  }

  /// Rounded down, so that no less is said than is true.
  static func oneIn(_ share: Double) -> String {
    let count = 1 / share
    return count < 10 ? fixed((count * 10).rounded(.down) / 10, 1) : grouped(UInt64(min(count, 1e15)))
  }

  /// What a level means to somebody who uses the model.
  static func meaning(_ level: FidelityLevel) -> String {
    switch level {
    case .transparent: "nobody can tell, and neither can most tests"
    case .good: "at most one sampled token in ten differs"
    case .usable: "the model answers, often in other words"
    case .damaged: "expect wrong answers"
    }
  }

  /// A sign that something is wrong.
  struct Alarm: Equatable {
    /// Which model, by its place.
    let model: Int
    /// The text it showed on; nil where it is not one text's.
    let text: String?
    let message: String
  }

  /// All alarms, each once.
  static func alarms(_ validation: Validation) -> [Alarm] {
    var alarms: [Alarm] = []
    for (model, result) in validation.after.enumerated() {
      alarms += result.alarms.map { Alarm(model: model, text: nil, message: $0) }
      for (text, category) in zip(validation.texts, result.categories) {
        alarms += category.alarms.map {
          Alarm(model: model, text: validation.texts.count > 1 ? ModelNames.short(text.name) : nil, message: $0)
        }
      }
      alarms += (result.pictures?.alarms ?? []).map { Alarm(model: model, text: nil, message: $0) }
    }
    return alarms.enumerated().filter { alarms.prefix($0.offset).contains($0.element) == false }.map(\.element)
  }

  /// What was compared on what, in one line without names.
  static func extent(_ validation: Validation) -> String {
    let tokens = validation.texts.reduce(0) { $0 + $1.tokens }
    let windows = validation.texts.reduce(0) { $0 + $1.windows }
    var words = "\(grouped(UInt64(tokens))) predicted tokens in \(windows) windows"
    if validation.texts.count > 1 { words += " of \(validation.texts.count) texts" }
    if !validation.pictures.isEmpty { words += ", \(validation.pictures.count) pictures" }
    return words
  }

  /// How the models were computed; nil where all of them were exact.
  static func precision(_ validation: Validation) -> String? {
    let rounding =
      switch validation.precision {
      case .exact: ""
      case .bf16: "rounded to bfloat16"
      case .deployed: "rounded as llama.cpp's CPU backend rounds them"
      }
    guard !rounding.isEmpty else { return nil }
    return
      "Precision \(validation.precision.rawValue): activations of the models after are \(rounding); the model before is exact."
  }

  /// Places of the models, the smallest file first.
  static func bySize(_ validation: Validation) -> [Int] {
    validation.after.indices.sorted {
      let (a, b) = (validation.after[$0], validation.after[$1])
      return (a.model.bytes, a.all.divergence.mean.value, $0) < (b.model.bytes, b.all.divergence.mean.value, $1)
    }
  }

  /// Models that none is at once smaller and closer than, the smallest first.
  static func front(_ validation: Validation) -> [Int] {
    var best = Double.infinity
    return bySize(validation).filter { place in
      let divergence = validation.after[place].all.divergence.mean.value
      defer { best = min(best, divergence) }
      return divergence < best
    }
  }
}
