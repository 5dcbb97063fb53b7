import Evaluation
import Tensors

/// A validation in words and one table, for a terminal.
enum ValidationSummary {
  static func text(_ validation: Validation) -> TerminalText {
    let lines =
      validation.after.flatMap { sentences($0, validation) } + ["", table(validation), ""]
      + validation.texts.map(description)
    return lines.joined(separator: "\n")
  }

  /// The verdict, and what should not be overlooked.
  private static func sentences(_ result: Validation.Result, _ validation: Validation) -> [TerminalText] {
    let figures = result.all
    let differing = figures.totalVariation.mean.value
    let one = differing > 0 ? "one sampled token in \(fixed(1 / differing, 0)) differs" : "no sampled token differs"
    var lines: [TerminalText] = [
      "\(result.model.name): \(result.level.rawValue); \(one), the likeliest token is the same at "
        + "\(percent(figures.top1Agreement)) of positions, perplexity × \(number(figures.perplexityRatio, 4))"
    ]
    let names = validation.texts.map(\.name)
    for (name, category) in zip(names, result.categories) {
      let place: TerminalText = names.count > 1 ? " (\(name))" : ""
      lines += category.alarms.map { "  alarm\(place): \($0)" }
    }
    return lines
  }

  private static func table(_ validation: Validation) -> TerminalText {
    let isMany = validation.texts.count > 1
    var table = Table([
      ("file", .left), ("text", .left), ("bits/weight", .right), ("perplexity", .right), ("ratio", .right),
      ("divergence", .right), ("99 %", .right), ("same likeliest", .right), ("level", .left),
    ])
    if let reference = validation.after.first?.all {
      table.add([
        validation.before.name, "all", fixed(validation.before.bitsPerWeight, 3),
        number(reference.perplexityBefore, 4), "1", "0", "0", "100 %", "",
      ])
    }
    for result in validation.after {
      let rows = isMany ? zip(validation.texts.map(\.name), result.categories).map { ($0, $1) } : []
      for (name, figures) in [("all", result.all)] + rows {
        table.add([
          result.model.name, name, fixed(result.model.bitsPerWeight, 3), number(figures.perplexityAfter, 4),
          number(figures.perplexityRatio, 4), number(figures.divergence.mean, 6),
          fixed(figures.divergence.percentiles[0.99], 5), percent(figures.top1Agreement), figures.level.rawValue,
        ])
      }
    }
    return table.text
  }

  private static func description(_ text: Validation.Text) -> TerminalText {
    "\(text.name): \(counted(text.tokens, "token")) in \(counted(text.windows, "window")) of \(text.context), "
      + "sha256 \(text.sha256)"
  }

  private static func number(_ estimate: Estimate, _ digits: Int) -> String {
    fixed(estimate.value, digits) + (estimate.standardError.map { " ± " + fixed($0, digits) } ?? "")
  }

  private static func percent(_ estimate: Estimate) -> String {
    fixed(estimate.value * 100, 2) + (estimate.standardError.map { " ± " + fixed($0 * 100, 2) } ?? "") + " %"
  }
}
