import Evaluation

/// How divergence and probability change are spread over positions.
extension ReportPage {
  var distribution: Section {
    Section(
      id: "distribution", title: "How it is distributed",
      content: "<p>A mean hides whether every token moves a little or a few tokens move far.</p>\n" + survival + changes
        + confidence
        + continuations)
  }

  private static let ticked = [0.5, 0.9, 0.99, 0.999]

  private var survival: HTML {
    let results = validation.after
    let words = zip(names.after, results).map { name, result in
      "\(name): half below \(Shown.percentile(result.all.divergence, 0.5)), 99 % below \(Shown.percentile(result.all.divergence, 0.99))"
    }
    var table = PageTable(
      "Percentiles of the divergence at single positions, in nats.",
      [
        ("model", .left), ("median", .right), ("90 %", .right), ("99 %", .right), ("99.9 %", .right),
        ("largest", .right),
      ])
    for (place, result) in results.enumerated() {
      let divergence = result.all.divergence
      table.add(
        [marked(place)] + Self.ticked.map { "\(Shown.percentile(divergence, $0))" }
          + ["\(Shown.number(divergence.percentiles.largest))"])
    }
    return "<figure>" + key
      + Plot.both(
        title: "Share of positions with more than a given divergence",
        description: "One falling line per model, both axes logarithmic. \(words.joined(separator: "; ")).",
        drawSurvival)
        + """
        <figcaption>How many positions differ by more than so many nats. Marks are at the median, the 90th, the 99th and, from a thousand \
        positions on, the 99.9th percentile. A line that falls late has rare positions that are far off.</figcaption></figure>

        """ + table.markup(id: "percentiles")
  }

  private func drawSurvival(_ width: Double, _ isNarrow: Bool) -> Plot {
    let curves = validation.after.map { $0.all.divergence.percentiles.survival() }
    let height = isNarrow ? 300.0 : 400
    let (left, right, bottom) = (isNarrow ? 56.0 : 66, width - (isNarrow ? 10 : 16), height - 48)
    // Below a millionth there is rounding and little else.
    let values = curves.flatMap { $0.filter { $0.share <= 0.9 }.map(\.value) }.filter { $0 > 1e-7 }
    let x = Axis(logarithmic: values, from: left, to: right)
    let least = curves.compactMap { $0.last?.share }.min() ?? 0.001
    let y = Axis(low: max(least, 1e-9) * 0.8, high: 1, isLogarithmic: true, from: bottom, to: 12)
    var plot = Plot(width: width, height: height)
    plot.rows(y, across: left...right, 5) { Shown.percent($0, $0 < 0.001 ? 2 : $0 < 0.01 ? 1 : 0) }
    plot.columns(x, across: 12...bottom, isNarrow ? 4 : 8) { Shown.number($0, 1) }
    plot.text(left, height - 6, "nats at a position", .start, "axis")
    plot.line(left, bottom, right, bottom, "base")
    for (place, curve) in curves.enumerated() {
      let shown = curve.filter { $0.value >= x.low }
      plot.path(shown.map { (x.at($0.value), y.at($0.share)) }, "w w\(place % Mark.count)")
      let percentiles = validation.after[place].all.divergence.percentiles
      for share in Self.ticked where share < 0.995 || percentiles.count >= FidelityFigures.fewPositions {
        if percentiles[share] >= x.low {
          plot.mark(x.at(percentiles[share]), y.at(1 - share), series: place, size: 4.5)
        }
      }
    }
    return plot
  }

  private var changes: HTML {
    var table = PageTable(
      "Change of the probability of the text's own token, in percentage points, and what became of the likeliest token.",
      [
        ("model", .left), ("mean", .right), ("root mean square", .right), ("right to wrong", .right),
        ("wrong to right", .right),
        ("wrong to other wrong", .right),
      ])
    var figures: HTML = ""
    for (place, result) in validation.after.enumerated() {
      let (change, flips) = (result.all.probabilityChange, result.all.flips)
      table.add([
        marked(place), "\(Shown.estimate(change.mean, scale: 100))",
        "\(Shown.estimate(result.all.rootMeanSquareChange, scale: 100))",
        "\(flips.rightToWrong)", "\(flips.wrongToRight)", "\(flips.wrongToOtherWrong)",
      ])
      figures += "<figure><p class=small-h>\(marked(place))</p>" + histogram(place) + "</figure>\n"
    }
    return """
      <h3>Noise or damage?</h3>
      <p>How the probability of the text's own token changed. Symmetric around zero it is noise; leaning to the left it is damage.
      Heights are square roots of counts, so that the tails are seen; the outermost bars hold what lies beyond.</p>
      <div class=grid>\(figures)</div>
      \(table.markup(id: "changes"))
      """
  }

  private func histogram(_ place: Int) -> HTML {
    let change = validation.after[place].all.probabilityChange
    let histogram = change.percentiles.histogram(bins: 41)
    let (width, height) = (290.0, 116.0)
    let most = Double(histogram.counts.max() ?? 1)
    var plot = Plot(width: width, height: height)
    let (floor, step) = (height - 22, width / Double(histogram.counts.count))
    for (bin, count) in histogram.counts.enumerated() {
      let bar = (Double(count) / most).squareRoot() * (floor - 8)
      plot.rectangle(Double(bin) * step + 0.5, floor - bar, step - 1, bar, "s\(place % Mark.count)")
    }
    plot.line(0, floor, width, floor, "base")
    plot.line(width / 2, 2, width / 2, floor + 4, "base")
    plot.text(0, height - 5, Shown.share(-histogram.reach), .start, "tick")
    plot.text(width / 2, height - 5, "0", .middle, "tick")
    plot.text(width, height - 5, "+" + Shown.share(histogram.reach), .end, "tick")
    let count = Double(change.percentiles.count)
    let (less, more) = (
      histogram.counts.prefix(histogram.counts.count / 2).reduce(0, +),
      histogram.counts.suffix(histogram.counts.count / 2).reduce(0, +)
    )
    return plot.markup(
      title: "Change of the text's token's probability, \(names.after[place])",
      description: "\(Shown.percent(Double(less) / count)) of positions lie left of the middle bar, "
        + "\(Shown.percent(Double(more) / count)) right of it; bars end at the outermost percent.", style: "small")
  }

  /// Where the model before was sure, a change is noticed.
  private var confidence: HTML {
    guard let first = validation.after.first?.all.byConfidence else { return "" }
    var table = PageTable(
      "Mean divergence by how sure the original was of its likeliest token, in nats. Where it was sure, a change is noticed.",
      [("model", .left)]
        + first.map { band in ("\(Shown.number(band.bounds.low, 2)) to \(Shown.number(band.bounds.high, 2))", .right) })
    table.add(
      ["<span class=soft>share of positions</span>"]
        + first.map { band in "<span class=soft>\(Shown.percent(band.share))</span>" })
    for (place, result) in validation.after.enumerated() {
      table.add([marked(place)] + result.all.byConfidence.map { "\($0.divergence.map { Shown.number($0) } ?? "–")" })
    }
    return "<h3>By the original's confidence</h3>" + table.markup(id: "confidence")
  }

  /// How long greedy continuations stay the same.
  private var continuations: HTML {
    let known = validation.after.enumerated().compactMap { place, result in result.firstDifference.map { (place, $0) } }
    guard let sample = known.first?.1 else { return "" }
    let steps = [1, 8, 16, 32, 48].filter { $0 <= sample.length }
    var table = PageTable(
      """
      Greedy continuations of \(sample.identical.count) prompts of \(sample.promptLength) tokens: the share that is still the same after \
      so many tokens. Few numbers, so an illustration and no test.
      """, [("model", .left)] + steps.map { ("after \($0)", .right) } + [("median", .right)])
    for (place, difference) in known {
      table.add(
        [marked(place)] + steps.map { "\(Shown.percent(difference.share(after: $0), 0))" }
          + ["\(Shown.number(difference.median))\(difference.median >= Double(difference.length) ? " or more" : "")"])
    }
    return "<h3>First different token</h3>" + table.markup(id: "continuations")
  }
}
