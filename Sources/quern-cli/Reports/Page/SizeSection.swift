import Evaluation

/// Size against divergence, where there are several models to choose from.
extension ReportPage {
  var size: Section {
    Section(
      id: "size", title: validation.after.count > 1 ? "Size against divergence" : "In numbers",
      content: (validation.after.count > 1 ? sizePlot : "") + sizeTable)
  }

  private var sizePlot: HTML {
    let front = Verdict.front(validation)
    let words = Verdict.bySize(validation).map {
      "\(names.after[$0]) \(Shown.size(validation.after[$0].model.bytes)), \(Shown.divergence(validation.after[$0].all.divergence))"
    }
    return "<figure>"
      + Plot.both(
        title: "Size of each model against its mean divergence",
        description: "Size across, divergence upwards on a logarithmic scale: \(words.joined(separator: "; ")). "
          + "No other file is both smaller and closer than \(front.map { names.after[$0] }.joined(separator: ", "))."
      ) { drawSizes($0, $1, front) }
        + """
        <figcaption>Lower is closer to the original, further left is smaller. The dashed line joins the files of which none is both smaller \
        and closer; bars are 95 % intervals.</figcaption></figure>

        """
  }

  private func drawSizes(_ width: Double, _ isNarrow: Bool, _ front: [Int]) -> Plot {
    let results = validation.after
    let height = isNarrow ? 340.0 : 440
    let (left, right, bottom) = (isNarrow ? 56.0 : 66, width - (isNarrow ? 10 : 100), height - 48)
    let unit = Self.unit(results.map(\.model.bytes).max() ?? 0)
    let x = Axis(
      linear: results.map { Double($0.model.bytes) / unit.bytes }, from: left, to: right, room: isNarrow ? 0.16 : 0.1)
    let ends = results.flatMap {
      [$0.all.divergence.mean.value] + ($0.all.divergence.mean.interval.map { [$0.lowerBound, $0.upperBound] } ?? [])
    }
    let y = Axis(logarithmic: ends, from: bottom, to: 12, room: 0.1)
    var plot = Plot(width: width, height: height)
    var low = y.low
    for level in FidelityLevel.allCases {
      let high = min(level.limit, y.high)
      guard high > low else { continue }
      plot.rectangle(left, y.at(high), right - left, y.at(low) - y.at(high), "b-\(level.rawValue)")
      if !isNarrow {
        plot.text(right + 10, (y.at(low) + y.at(high)) / 2 + 4, level.rawValue, .start, "l-\(level.rawValue)")
      }
      low = high
    }
    plot.rows(y, across: left...right, 6) { Shown.number($0, 1) }
    plot.columns(x, across: 12...bottom, isNarrow ? 2 : 6) { Shown.number($0, 2) + " " + unit.name }
    plot.text(left, height - 6, "weights of the text model", .start, "axis")
    plot.line(left, bottom, right, bottom, "base")
    func place(_ index: Int) -> (x: Double, y: Double) {
      (x.at(Double(results[index].model.bytes) / unit.bytes), y.at(results[index].all.divergence.mean.value))
    }
    plot.path(front.map(place), "front")
    let labels = Plot.apart(results.indices.map { place($0).y + 4 }, 15, within: 20...bottom - 6)
    for index in results.indices {
      let point = place(index)
      if let interval = results[index].all.divergence.mean.interval, interval.lowerBound > 0 {
        plot.line(point.x, y.at(interval.lowerBound), point.x, y.at(interval.upperBound), "e e\(index % Mark.count)")
      }
      plot.mark(point.x, point.y, series: index, size: 6.5)
      let isRight = point.x > left + (right - left) * 0.62
      let label = ModelNames.cut(names.tags[index], to: isNarrow ? 14 : 24)
      plot.text(isRight ? point.x - 12 : point.x + 12, labels[index], label, isRight ? .end : .start, "name strong")
    }
    return plot
  }

  /// The unit a size is told in.
  private static func unit(_ bytes: UInt64) -> (name: String, bytes: Double) {
    var unit = (name: "B", bytes: 1.0)
    for name in ["KiB", "MiB", "GiB", "TiB"] where Double(bytes) >= unit.bytes * 1024 {
      unit = (name, unit.bytes * 1024)
    }
    return unit
  }

  private var sizeTable: HTML {
    if validation.after.count == 1 { return allFigures }
    let hasPictures = validation.after.contains { $0.pictures != nil }
    let hasRatio = validation.after.contains { $0.all.perplexityRatio != nil }
    var columns: [(String, PageTable.Alignment)] = [
      ("model", .left), ("size", .right), ("bits a weight", .right), ("divergence", .right), ("99 % below", .right),
      ("same likeliest", .right),
    ]
    if hasRatio { columns.append(("perplexity ratio", .right)) }
    if hasPictures { columns.append(("pictures", .right)) }
    columns.append(("level", .left))
    var table = PageTable(
      "Every model, the smallest first. Divergences in nats a token; ± is one standard error, counted by windows.",
      columns)
    for place in Verdict.bySize(validation) {
      let result = validation.after[place]
      let figures = result.all
      var divergence: HTML = "\(Shown.divergence(figures.divergence))"
      if let sampling = figures.divergence.sampling {
        divergence += "<br><span class=soft>≥ \(Shown.number(sampling.lowerBound))</span>"
      }
      var cells: [HTML] = [
        marked(place), "\(Shown.size(result.model.bytes))", "\(fixed(result.model.bitsPerWeight, 2))", divergence,
        "\(Shown.percentile(figures.divergence, 0.99))", "\(Shown.percent(figures.top1Agreement))",
      ]
      if hasRatio { cells.append("\(figures.perplexityRatio.map { Shown.estimate($0, digits: 4) } ?? "–")") }
      if hasPictures { cells.append("\(result.pictures.map { Shown.estimate($0.divergence) } ?? "–")") }
      table.add(cells + [Self.pill(result.level)])
    }
    return table.markup(id: "models")
  }

  /// Every mean, where there is one model and so no choice.
  private var allFigures: HTML {
    let figures = validation.after[0].all
    var table = PageTable(
      "All means over the text, with their 95 % intervals.",
      [("figure", .left), ("value", .right), ("interval", .right)])
    func add(_ name: HTML, _ estimate: Estimate?, digits: Int = 4) {
      guard let estimate else { return }
      table.add([name, "\(Shown.number(estimate.value, digits))", "\(Shown.interval(estimate, digits: digits))"])
    }
    add("Divergence, KL(before ‖ after)", figures.divergence.mean)
    add("Reverse divergence, KL(after ‖ before)", figures.reverseDivergence.mean)
    add("Jensen-Shannon divergence", figures.jensenShannon?.mean)
    add("Total variation", figures.totalVariation?.mean)
    add("Same likeliest token", figures.top1Agreement)
    add("Of the five likeliest, the same", figures.top5Overlap)
    add("Change of the text's token's probability, mean", figures.probabilityChange.mean, digits: 3)
    add("The same, root mean square", figures.rootMeanSquareChange)
    add("Perplexity before", figures.perplexityBefore, digits: 6)
    add("Perplexity after", figures.perplexityAfter, digits: 6)
    add("Perplexity ratio", figures.perplexityRatio, digits: 5)
    add("Entropy before", figures.entropyBefore)
    return table.markup(id: "figures")
  }
}
