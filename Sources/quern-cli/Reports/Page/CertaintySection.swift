import Evaluation

/// How sure the figures are, and why.
extension ReportPage {
  var certainty: Section {
    Section(
      id: "certainty", title: "How sure",
      content: """
        <p>Every figure is exact for the text that was read. What another text like it would give is told by the interval: neighbouring \
        tokens are alike, so windows are counted, not tokens, and Student’s t has one degree of freedom less than there are windows. The \
        design effect says how much wider that makes the variance than counting tokens would.</p>
        \(certaintyTable)
        \(cautions)
        """)
  }

  private var certaintyTable: HTML {
    let isSampled = validation.after.contains { $0.all.divergence.sampling != nil }
    var columns: [(String, PageTable.Alignment)] = [
      ("model", .left), ("windows", .right), ("positions", .right), ("mean divergence", .right),
      ("95 % interval", .right),
      ("standard error", .right), ("design effect", .right),
    ]
    if isSampled { columns += [("sampling error", .right), ("at least", .right)] }
    var table = PageTable("The mean divergence of each model over all texts, in nats a token.", columns)
    for (place, result) in validation.after.enumerated() {
      let (figures, mean) = (result.all, result.all.divergence.mean)
      let independent = figures.divergence.percentiles.standardErrorIfIndependent
      let effect = mean.standardError.flatMap { error in
        independent > 0 ? (error / independent) * (error / independent) : nil
      }
      var cells: [HTML] = [
        marked(place), "\(figures.windows)", "\(grouped(UInt64(figures.positions)))",
        "\(figures.divergence.sampling == nil ? "" : "≈ ")\(Shown.number(mean.value, 4))",
        "\(Shown.interval(mean, digits: 4))",
        "\(mean.standardError.map { Shown.number($0, 2) } ?? "–")", "\(effect.map { Shown.number($0, 2) } ?? "–")",
      ]
      if isSampled {
        let sampling = figures.divergence.sampling
        cells += [
          "\(sampling.map { Shown.number($0.standardError, 2) } ?? "–")",
          "\(sampling.map { Shown.number($0.lowerBound, 4) } ?? "–")",
        ]
      }
      table.add(cells)
    }
    return table.markup(id: "sure")
  }

  private var cautions: HTML {
    var notes: [HTML] = []
    let windows = validation.texts.map(\.windows).min() ?? 0
    if windows < 2 { notes.append("One window has no interval: take more of them or a longer text.") }
    if windows >= 2, windows < FidelityLevel.fewWindows {
      notes.append("A text with fewer than eight windows earns no level above good, however small the divergence.")
    }
    if validation.after.contains(where: { $0.all.divergence.sampling != nil }) {
      notes.append(
        """
        The original is known by a baseline, which keeps part of each row of its predictions. Divergences (≈) are unbiased estimates from \
        that part; the sampling error is what another sample would change, and no divergence can be below the last column.
        """)
    }
    notes.append(
      "Near the top, levels do not rank: whether one transparent file is better than another is not something a divergence can say."
    )
    return "<ul>\(notes.map { "<li>\($0)</li>\n" as HTML })</ul>\n"
  }
}
