import Evaluation
import Base

/// What became of a model's sight, in a few lines for a terminal.
enum PictureSummary {
  static func lines(_ fidelity: PictureFidelity) -> [TerminalText] {
    var lines: [TerminalText] = [
      "  pictures: \(fidelity.level.rawValue); \(fidelity.sameAnswers) of \(counted(fidelity.pictures.count, "answer")) "
        + "unchanged, divergence \(number(fidelity.divergence)) an answer token\(lost(fidelity.sightLost))"
    ]
    if let parts = fidelity.attribution {
      lines.append(
        "  of it the text model alone \(number(parts.text)), the vision encoder alone \(number(parts.vision))")
    }
    if let cosine = fidelity.leastCosine { lines.append("  embeddings of pictures: least cosine \(fixed(cosine, 6))") }
    if let captions = fidelity.captions {
      let change = ValidationSummary.number(captions.logLossIncrease, 4)
      lines.append(
        "  captions: \(captions.exactAfter) of \(captions.count) answers word for word, \(captions.exactBefore) before; the true "
          + "ones cost \(change) nats a token more")
    }
    return lines + fidelity.alarms.map { "  alarm (pictures): \($0)" }
  }

  /// What was shown, and what of it tests nothing.
  static func shown(_ validation: Validation) -> [TerminalText] {
    let pictures = validation.pictures
    guard !pictures.isEmpty else { return [] }
    let tokens = pictures.reduce(0) { $0 + $1.logLoss.count }
    let information = pictures.reduce(0) { $0 + $1.information * Double($1.logLoss.count) } / Double(tokens)
    var lines: [TerminalText] = [
      "\(counted(Set(pictures.map(\.sha256)).count, "picture")), \(counted(Set(pictures.map(\.prompt)).count, "question")) about each: "
        + "\(fixed(information, 3)) nats of an answer token come from the picture"
    ]
    let idle = pictures.filter { $0.information < ComparedPicture.leastInformation }
    if !idle.isEmpty {
      lines.append(
        "\(counted(idle.count, "answer")) would be nearly the same in front of a grey picture, so little is tested by: "
          + "\(listed(Array(Set(idle.map(\.name))).sorted()))")
    }
    return lines
  }

  private static func number(_ estimate: Estimate) -> String { ValidationSummary.number(estimate, 6) }

  private static func lost(_ share: Double?) -> TerminalText {
    guard let share, share > 0 else { return "" }
    return " (\(fixed(share * 100, 3)) % of what the pictures tell)"
  }
}
