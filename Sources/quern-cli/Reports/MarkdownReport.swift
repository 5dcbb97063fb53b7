import Evaluation
import Base

/// A report as a model card: front matter that the Hub reads, the verdict, one table, the command.
struct MarkdownReport {
  private let report: Report
  private let names: ModelNames

  init(_ report: Report) {
    self.report = report
    names = ModelNames(report.validation)
  }

  var text: String {
    let validation = report.validation
    var lines = frontMatter + [""]
    for (place, result) in validation.after.enumerated() {
      lines += [
        "**\(Self.code(names.after[place])): \(result.level.rawValue)** (\(Verdict.meaning(result.level))). \(capitalized(Verdict.sentence(result)))",
        "",
      ]
    }
    for alarm in Verdict.alarms(validation) {
      let place = alarm.text.map { " on \(Self.code($0))" } ?? ""
      lines.append("> ⚠ \(Self.code(names.after[alarm.model]))\(place): \(alarm.message).")
    }
    for failure in report.failures.joined() { lines.append("> ⚠ Over the limit: \(Self.plain(failure)).") }
    if lines.last?.hasPrefix(">") == true { lines.append("") }
    lines += table + [""]
    lines += [
      "Compared with \(Self.code(names.before)) on \(Verdict.extent(validation)). Divergence is KL(before ‖ after) in nats a token over the "
        + "whole vocabulary; ± is one standard error, counted by windows. Lower is closer, and two transparent files are equals.",
      "",
    ]
    if let precision = Verdict.precision(validation) { lines += [precision, ""] }
    lines += command
    return lines.joined(separator: "\n") + "\n"
  }

  private func capitalized(_ sentence: String) -> String { sentence.prefix(1).uppercased() + sentence.dropFirst() }

  // MARK: Front matter

  private var frontMatter: [String] {
    let validation = report.validation
    var lines = ["---", "model-index:"]
    for (place, result) in validation.after.enumerated() {
      lines += ["- name: \(Self.yaml(names.after[place]))", "  results:"]
      for (text, figures) in zip(validation.texts, result.categories) {
        lines += [
          "  - task:", "      type: text-generation", "    dataset:",
          "      name: \(Self.yaml(ModelNames.short(text.name)))",
          "      type: \(Self.yaml("sha256:" + text.sha256))", "    metrics:",
        ]
        lines += metric(
          "fidelity-kld", "Mean KL divergence from the original, nats a token (lower is better)",
          figures.divergence.mean.value)
        lines += metric(
          "top1-agreement", "Share of positions with the same likeliest token", figures.top1Agreement.value)
        if let ratio = figures.perplexityRatio {
          lines += metric("perplexity-ratio", "Perplexity after over before", ratio.value)
        }
      }
      if let pictures = result.pictures {
        lines += [
          "  - task:", "      type: image-text-to-text", "    dataset:",
          "      name: \(Self.yaml("\(pictures.pictures.count) pictures"))",
          "      type: pictures", "    metrics:",
        ]
        lines += metric(
          "fidelity-kld", "Mean KL divergence from the original, nats an answer token (lower is better)",
          pictures.divergence.value)
      }
    }
    return lines + ["---"]
  }

  private func metric(_ type: String, _ name: String, _ value: Double) -> [String] {
    [
      "    - type: \(type)", "      name: \(Self.yaml(name))",
      "      value: \(String(decoding: OrderedJSON.number(value).serialized(), as: UTF8.self))",
    ]
  }

  /// A text between YAML's double quotes.
  private static func yaml(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      if scalar == "\"" || scalar == "\\" {
        result += "\\" + String(scalar)
      } else if isUnseen(scalar) {
        let digits = String(scalar.value, radix: 16)
        let length = scalar.value > 0xFFFF ? 8 : 4
        result += (length == 8 ? "\\U" : "\\u") + String(repeating: "0", count: length - digits.utf8.count) + digits
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  // MARK: Body

  private var table: [String] {
    let validation = report.validation
    let isMany = validation.texts.count > 1
    let hasPictures = validation.after.contains { $0.pictures != nil }
    var head =
      ["model"] + (isMany ? ["text"] : []) + [
        "text model", "bits a weight", "divergence", "99 % below", "same likeliest", "perplexity ratio",
      ]
    if hasPictures { head.append("pictures") }
    head.append("level")
    var rows: [[String]] = []
    for place in Verdict.bySize(validation) {
      let result = validation.after[place]
      let parts = isMany ? zip(validation.texts, result.categories).map { (ModelNames.short($0.name), $1) } : []
      for (place2, (text, figures)) in ([("all", result.all)] + parts).enumerated() {
        var row = [Self.code(names.after[place])] + (isMany ? [place2 == 0 ? "all" : Self.code(text)] : [])
        let divergence =
          Shown.divergence(figures.divergence)
          + (figures.divergence.sampling.map { " (≥ \(Shown.number($0.lowerBound)))" } ?? "")
        row += [
          byteSize(result.model.bytes), fixed(result.model.bitsPerWeight, 2), divergence,
          Shown.percentile(figures.divergence, 0.99),
          Shown.percent(figures.top1Agreement), figures.perplexityRatio.map { Shown.estimate($0, digits: 4) } ?? "–",
        ]
        if hasPictures { row.append(place2 == 0 ? result.pictures.map { Shown.estimate($0.divergence) } ?? "–" : "") }
        rows.append(row + [place2 == 0 ? result.level.rawValue : figures.level.rawValue])
      }
    }
    let numbers = head.map { ["model", "text", "level"].contains($0) ? "---" : "---:" }
    return ([head, numbers] + rows).map { "| " + $0.joined(separator: " | ") + " |" }
  }

  private var command: [String] {
    let words = report.invocation.shellCommand.split(separator: "\n", omittingEmptySubsequences: false).joined(
      separator: " ")
    // A fence is longer than any run of its character inside.
    var (run, longest) = (0, 2)
    for character in words.unicodeScalars {
      run = character == "`" ? run + 1 : 0
      longest = max(longest, run)
    }
    let fence = String(repeating: "`", count: longest + 1)
    return [
      fence + "sh", Self.visible(words), fence, "",
      "Made by quern \(report.invocation.version), \(report.invocation.time).",
    ]
  }

  // MARK: Escaping

  /// A name between backticks, or escaped where that cannot hold it.
  static func code(_ text: String) -> String {
    let text = visible(text)
    return text.unicodeScalars.contains { "`|\\".unicodeScalars.contains($0) } || text.isEmpty
      ? plain(text) : "`\(text)`"
  }

  /// A text that formats nothing: marks of the language and of HTML are escaped.
  static func plain(_ text: String) -> String {
    var result = ""
    for scalar in visible(text).unicodeScalars {
      if "\\`*_{}[]<>()#+!|~&$".unicodeScalars.contains(scalar) { result += "\\" }
      result.unicodeScalars.append(scalar)
    }
    return result
  }

  private static func visible(_ text: String) -> String {
    var result = ""
    for scalar in middleCut(text).unicodeScalars {
      if isUnseen(scalar) { result += shownCode(scalar) } else { result.unicodeScalars.append(scalar) }
    }
    return result
  }
}
