import Engine
import Evaluation
import Libc

/// The positions at which most was lost, with what both models would have said.
extension ReportPage {
  var worstPositions: Section {
    let known = validation.after.indices.filter { validation.after[$0].worst.contains { $0.comparison.divergence > 0 } }
    guard !known.isEmpty else { return Section(id: "worst", title: "Worst positions", content: "") }
    var content: HTML = """
      <p>Where the two predictions are furthest apart: the text, its own next token marked, and the five likeliest tokens before and \
      after. The text's own token is underlined where it is among them.</p>

      """
    for place in known {
      let items = validation.after[place].worst.filter { $0.comparison.divergence > 0 }.map(position)
      let open = 3
      let list: HTML = "<ol class=worst>\(Array(items.prefix(open)))</ol>\n"
      let rest: HTML = items.count > open ? "<ol class=worst>\(Array(items.dropFirst(open)))</ol>\n" : ""
      let all = list + Self.folded("\(items.count - min(open, items.count)) more", rest)
      content += known.count == 1 ? all : Self.folded(marked(place), isOpen: place == worstModel, all)
    }
    return Section(id: "worst", title: "Worst positions", content: content)
  }

  /// The model that lost most.
  private var worstModel: Int? {
    validation.after.indices.max {
      validation.after[$0].all.divergence.mean.value < validation.after[$1].all.divergence.mean.value
    }
  }

  private func position(_ position: Validation.WorstPosition) -> HTML {
    let comparison = position.comparison
    let text: HTML =
      validation.texts.count > 1
      ? "<span class=name>\(ModelNames.short(validation.texts[position.text].name))</span>, " : ""
    return """
      <li><p class=context>…\(position.context)<mark>\(position.token)</mark></p>
      <p class="soft small">\(text)window \(position.window + 1), position \(position.position): \
      \(Shown.number(comparison.divergence)) nats. The text's token had \(Shown.share(exp(comparison.before))), and has \
      \(Shown.share(exp(comparison.after))).</p>
      <div class=facing>\(top("Before", "before", position.topBefore, comparison.topBefore, comparison.topProbabilitiesBefore, comparison.token))\
      \(top("After", "after", position.topAfter, comparison.topAfter, comparison.topProbabilitiesAfter, comparison.token))</div></li>

      """
  }

  private func top(
    _ title: HTML, _ style: HTML, _ tokens: [String], _ ids: TopTokens, _ probabilities: SIMD8<Float>, _ token: Int32
  ) -> HTML {
    var items: HTML = ""
    for (place, text) in tokens.enumerated() where place < min(ids.count, 8) {
      let share = Double(max(0, min(1, probabilities[place])))
      items +=
        "<li\(ids[place] == token ? " class=is" : "" as HTML) style=\"--p:\(fixed(share * 100, 1))%\"><code>\(shown(text))</code><span>\(Shown.percent(share))</span></li>"
    }
    return "<div class=\(style)><h4>\(title)</h4><ol>\(items)</ol></div>"
  }

  /// A token that begins with a space shows it, and one that is nothing says so.
  private func shown(_ token: String) -> String {
    if token.isEmpty { return "(nothing)" }
    return String(token.map { $0 == " " ? "·" : $0 })
  }
}
