import Evaluation

/// Text by text, where there are several.
extension ReportPage {
  var categories: Section {
    Section(id: "categories", title: "By text", content: validation.texts.count > 1 ? categoryPlot + categoryTable : "")
  }

  private var categoryPlot: HTML {
    let words = zip(validation.texts.indices, validation.texts).map { place, text in
      ModelNames.short(text.name) + " "
        + zip(names.tags, validation.after).map { "\($0) \(Shown.divergence($1.categories[place].divergence))" }.joined(
          separator: ", ")
    }
    return "<figure>" + key
      + Plot.both(
        title: "Mean divergence by text",
        description: "One row per text, one mark per model with its 95 % interval, on a logarithmic scale. "
          + words.joined(separator: "; ") + ".", drawCategories)
      + "<figcaption>Mean divergence in nats a token and its 95 % interval, text by text. The verdict is that of the worst.</figcaption></figure>\n"
  }

  private func drawCategories(_ width: Double, _ isNarrow: Bool) -> Plot {
    let results = validation.after
    let step = 12.0
    let row = 28 + step * Double(results.count)
    let (left, right) = (isNarrow ? 4.0 : 190, width - 8)
    let bottom = 26 + row * Double(validation.texts.count)
    let ends = results.flatMap { result in
      result.categories.flatMap {
        [$0.divergence.mean.value] + ($0.divergence.mean.interval.map { [$0.lowerBound, $0.upperBound] } ?? [])
      }
    }
    let x = Axis(logarithmic: ends, from: left, to: right)
    var plot = Plot(width: width, height: bottom + 30)
    bands(&plot, x, top: 0, bottom: bottom, isNarrow: isNarrow)
    for tick in x.ticks(isNarrow ? 4 : 8) {
      plot.line(x.at(tick), bottom, x.at(tick), bottom + 5, "base")
      plot.tick(x.at(tick), bottom + 20, Shown.number(tick, 1))
    }
    for (index, text) in validation.texts.enumerated() {
      let top = 26 + row * Double(index)
      plot.line(isNarrow ? left : 0, top, right, top, "grid")
      let name = ModelNames.cut(ModelNames.short(text.name), to: isNarrow ? 40 : 26)
      plot.text(isNarrow ? left + 6 : 0, top + (isNarrow ? 15 : row / 2 + 4), name, .start, "name strong")
      for (place, result) in results.enumerated() {
        let mean = result.categories[index].divergence.mean
        let y = top + 22 + step * Double(place)
        if let interval = mean.interval, interval.lowerBound > 0 {
          plot.line(x.at(interval.lowerBound), y, x.at(interval.upperBound), y, "e e\(place % Mark.count)")
        }
        plot.mark(x.at(mean.value), y, series: place, size: 4.5)
      }
    }
    plot.line(left, bottom, right, bottom, "base")
    return plot
  }

  private var categoryTable: HTML {
    var table = PageTable(
      "Every text and model. Divergences in nats a token; ± is one standard error, counted by windows.",
      [
        ("text", .left), ("model", .left), ("windows", .right), ("divergence", .right), ("99 % below", .right),
        ("same likeliest", .right),
        ("perplexity ratio", .right), ("level", .left),
      ])
    for (index, text) in validation.texts.enumerated() {
      for (place, result) in validation.after.enumerated() {
        let figures = result.categories[index]
        table.add([
          "<span class=name>\(ModelNames.short(text.name))</span>", marked(place), "\(figures.windows)",
          "\(Shown.divergence(figures.divergence))", "\(Shown.percentile(figures.divergence, 0.99))",
          "\(Shown.percent(figures.top1Agreement))",
          "\(figures.perplexityRatio.map { Shown.estimate($0, digits: 4) } ?? "–")",
          Self.pill(figures.level),
        ])
      }
    }
    return Self.folded(
      "Every text and model in numbers", isOpen: validation.texts.count * validation.after.count <= 12,
      table.markup(id: "texts"))
  }
}
