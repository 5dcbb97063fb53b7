import Evaluation
import Base

/// A validation in words and one table, for a terminal.
enum ValidationSummary {
  static func text(_ validation: Validation) -> TerminalText {
    let lines =
      validation.after.flatMap { sentences($0, validation) } + order(validation) + ["", table(validation), ""]
      + validation.after.flatMap(DriftSummary.lines)
      + validation.texts.map(description) + PictureSummary.shown(validation)
      + (Verdict.precision(validation).map { ["\($0)"] } ?? [])
    return lines.joined(separator: "\n")
  }

  /// A baseline that was written.
  static func text(_ written: BaselineRecorder.Written) -> TerminalText {
    "\(written.path): baseline of \(counted(written.positions, "position")), "
      + "\(fixed(Double(written.bytes) / Double(written.positions), 0)) bytes each, perplexity "
      + "\(number(written.perplexity, 4)), sha256 \(written.sha256)"
  }

  /// The verdict, and what should not be overlooked.
  private static func sentences(_ result: Validation.Result, _ validation: Validation) -> [TerminalText] {
    let figures = result.all
    let ratio: TerminalText = figures.perplexityRatio.map { ", perplexity × \(number($0, 4))" } ?? ""
    var lines: [TerminalText] = [
      "\(result.model.name): \(result.level.rawValue)\(isShort(result) ? " (too few windows to say more)" : ""); \(Verdict.differing(figures)), the likeliest token is the same at "
        + "\(percent(figures.top1Agreement)) of positions\(ratio)"
    ]
    if let sampling = figures.divergence.sampling {
      let mean = fixed(figures.divergence.mean.value, 6)
      let least = fixed(sampling.lowerBound, 6)
      lines.append(
        validation.reference?.kind == .llamaPerplexity
          ? "  from rounded probabilities: the divergence is at least \(least); perplexity before is not known exactly"
          : "  estimated from a sample of the vocabulary: on this text the divergence is \(mean) ± "
            + "\(fixed(sampling.standardError, 6)), and at least \(least)")
    }
    lines += result.alarms.map { "  alarm: \($0)" }
    if let difference = result.firstDifference { lines.append("  \(continuations(difference))") }
    let names = validation.texts.map(\.name)
    for (name, category) in zip(names, result.categories) {
      let place: TerminalText = names.count > 1 ? " (\(name))" : ""
      lines += category.alarms.map { "  alarm\(place): \($0)" }
    }
    if let pictures = result.pictures { lines += PictureSummary.lines(pictures) }
    return lines
  }

  /// Whether a text is too short for the best level.
  private static func isShort(_ result: Validation.Result) -> Bool {
    result.level == .good && result.categories.contains { $0.windows < FidelityLevel.fewWindows }
  }

  /// How long a reader of two likeliest answers sees no difference.
  private static func continuations(_ difference: FirstDifference) -> TerminalText {
    let prompts = difference.identical.count
    return
      "likeliest continuations are the same for \(fixed(difference.median, difference.median.rounded() == difference.median ? 0 : 1)) "
      + "of \(difference.length) tokens (median of \(counted(prompts, "prompt"))), throughout for "
      + "\(difference.identical.count { $0 == difference.length })"
  }

  /// Several models after in the order of their divergence, each beside the next.
  private static func order(_ validation: Validation) -> [TerminalText] {
    let order = validation.after.indices.sorted {
      validation.after[$0].all.divergence.mean.value < validation.after[$1].all.divergence.mean.value
    }
    return zip(order, order.dropFirst()).compactMap { less, more in
      validation.comparisons.first { [$0.first, $0.second] == [min(less, more), max(less, more)] }.map { pair in
        let names = (validation.after[less].model.name, validation.after[more].model.name)
        if pair.areEquals { return "\(names.0) and \(names.1) are equals: nobody can tell either from the original" }
        if pair.better == nil { return "\(names.0) and \(names.1): this text does not tell which lost less" }
        let error = pair.difference.standardError.map { " ± " + fixed($0, 6) } ?? ""
        return "\(names.0) lost less than \(names.1): \(fixed(abs(pair.difference.value), 6))\(error) nats a token"
      }
    }
  }

  private static func table(_ validation: Validation) -> TerminalText {
    let isMany = validation.texts.count > 1
    var table = Table([
      ("file", .left), ("text", .left), ("bits/weight", .right), ("perplexity", .right), ("ratio", .right),
      ("divergence", .right), ("99 %", .right), ("same likeliest", .right), ("level", .left),
    ])
    if let reference = validation.after.first?.all {
      table.add([
        validation.before.name, "all", validation.before.bytes > 0 ? fixed(validation.before.bitsPerWeight, 3) : "",
        reference.perplexityBefore.map { number($0, 4) } ?? "", "1", "0", "0", "100 %", "",
      ])
    }
    for result in validation.after {
      let rows = isMany ? zip(validation.texts.map(\.name), result.categories).map { ($0, $1) } : []
      for (name, figures) in [("all", result.all)] + rows {
        table.add([
          result.model.name, name, fixed(result.model.bitsPerWeight, 3), number(figures.perplexityAfter, 4),
          figures.perplexityRatio.map { number($0, 4) } ?? "", number(figures.divergence.mean, 6),
          fixed(figures.divergence.percentiles[0.99], 5), percent(figures.top1Agreement), figures.level.rawValue,
        ])
      }
    }
    return table.text
  }

  private static func description(_ text: Validation.Text) -> TerminalText {
    "\(text.name): \(counted(text.tokens, "token")) in \(counted(text.windows, "window")) of \(text.context), "
      + "sha256 \(text.sha256)\(text.notes.isEmpty ? "" : "; " + text.notes.joined(separator: "; "))"
  }

  static func number(_ estimate: Estimate, _ digits: Int) -> String {
    fixed(estimate.value, digits) + (estimate.standardError.map { " ± " + fixed($0, digits) } ?? "")
  }

  private static func percent(_ estimate: Estimate) -> String {
    fixed(estimate.value * 100, 2) + (estimate.standardError.map { " ± " + fixed($0 * 100, 2) } ?? "") + " %"
  }
}
