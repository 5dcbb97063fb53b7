import Evaluation

/// The first screen: what came out, for who has ten seconds.
extension ReportPage {
  var verdict: HTML {
    """
    <div class=top><b>quern</b><span>Validation report · \(String(report.invocation.time.prefix(10)))</span></div>
    \(alarms)
    <header class=hero>\(validation.after.count == 1 ? single : several)</header>

    """
  }

  private var alarms: HTML {
    let alarms = Verdict.alarms(validation)
    let failures = report.failures.joined()
    guard !alarms.isEmpty || !failures.isEmpty else { return "" }
    let lines: [HTML] = alarms.map { alarm in
      let place: HTML = alarm.text.map { " on <span class=name>\($0)</span>" } ?? ""
      return "<li><span class=name>\(names.after[alarm.model])</span>\(place): \(alarm.message).</li>\n"
    }
    let count = alarms.count + failures.count
    return """
      <div class=alarms role=note><h2>⚠ \(count == 1 ? "One thing" : "\(count) things") to look at first</h2><ul>
      \(failures.map { "<li>Over the limit: \($0).</li>\n" as HTML })\(lines)</ul></div>

      """
  }

  private var single: HTML {
    let result = validation.after[0]
    let level = result.level
    return """
      <h1><span class=file>\(names.after[0])</span><span class="grade t-\(level.rawValue)">\(level.rawValue)</span></h1>
      <p class=lead>\(sentence(result))</p>
      \(ruler)
      \(tiles(result))
      \(extent)
      """
  }

  private var several: HTML {
    let count = validation.after.count
    let numbers = [
      "No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve",
    ]
    let word = count < numbers.count ? numbers[count] : "\(count)"
    return """
      <h1>\(word) models against <span class=name>\(names.before)</span></h1>
      <p class=lead>\(advice)</p>
      \(ruler)
      \(extent)
      \(Self.folded("Every verdict in a sentence", sentences))
      """
  }

  /// The verdict's words, the number of a sampled token first.
  private func sentence(_ result: Validation.Result) -> HTML {
    let words = Verdict.sentence(result)
    let first = words.prefix(1).uppercased()
    return
      "\(first + words.dropFirst()) That is <b class=\"t-\(result.level.rawValue)\">\(result.level.rawValue)</b>: \(Verdict.meaning(result.level))."
  }

  private var sentences: HTML {
    let order = validation.after.indices.sorted {
      (validation.after[$0].all.divergence.mean.value, $0) < (validation.after[$1].all.divergence.mean.value, $1)
    }
    return
      "<ul>\(order.map { "<li><span class=name>\(names.after[$0])</span>: \(sentence(validation.after[$0]))</li>\n" as HTML })</ul>"
  }

  /// Which file to take: of every level the smallest.
  private var advice: HTML {
    var parts: [HTML] = []
    var seen: UInt64 = .max
    for level in FidelityLevel.allCases where level != .damaged {
      let places = Verdict.bySize(validation).filter { validation.after[$0].level == level }
      guard let place = places.first, validation.after[place].model.bytes < seen else { continue }
      seen = validation.after[place].model.bytes
      parts.append(
        "the smallest \(Self.pill(level)) is <b>\(names.tags[place])</b>, \(Shown.size(seen))")
    }
    guard let first = parts.first else { return "None of them is usable: expect wrong answers from every one." }
    var text: HTML = "Of these, "
    text += first
    for (place, part) in parts.dropFirst().enumerated() { text += (place + 2 == parts.count ? " and " : ", ") + part }
    return text + "."
  }

  private var extent: HTML {
    let texts = validation.texts.prefix(3).map { "<span class=name>\(ModelNames.short($0.name))</span>" as HTML }
    var list: HTML = ""
    for (place, text) in texts.enumerated() { list += (place > 0 ? ", " : "") + text }
    if validation.texts.count > 3 { list += " and \(validation.texts.count - 3) more" }
    return """
      <p class="soft small">Compared with <span class=name>\(names.before)</span> (\(Shown.size(validation.before.bytes)), \
      \(fixed(validation.before.bitsPerWeight, 2)) bits a weight) on \(Verdict.extent(validation)): \(list). \
      Intervals hold 95 % for text like it; <a href="#reproduce">how to do it again</a>.</p>

      """
  }

  private func tiles(_ result: Validation.Result) -> HTML {
    let figures = result.all
    let (before, after) = (validation.before, result.model)
    func tile(_ name: HTML, _ value: HTML, _ note: HTML) -> HTML {
      "<div><dt>\(name)</dt><dd>\(value)<small>\(note)</small></dd></div>\n"
    }
    var tiles: HTML = ""
    let divergence = figures.divergence
    var note: HTML =
      divergence.mean.interval == nil ? "nats a token" : "nats a token, \(Shown.interval(divergence.mean))"
    if let sampling = divergence.sampling { note += "; at least \(Shown.number(sampling.lowerBound))" }
    tiles += tile(
      "Mean divergence", "\(divergence.sampling == nil ? "" : "≈ ")\(Shown.number(divergence.mean.value))", note)
    tiles += tile(
      "Same likeliest token", "\(Shown.percent(figures.top1Agreement.value))",
      figures.top1Agreement.interval == nil ? "of positions" : "\(Shown.interval(figures.top1Agreement, scale: 100)) %")
    if let ratio = figures.perplexityRatio {
      tiles += tile(
        "Perplexity", "× \(Shown.number(ratio.value, 4))",
        ratio.interval == nil ? "" : "\(Shown.interval(ratio, digits: 4))")
    }
    let share = before.bytes > 0 ? Double(after.bytes) / Double(before.bytes) : 1
    tiles += tile(
      "Text model", "\(Shown.size(after.bytes))",
      "\(Shown.percent(share, 0)) of \(Shown.size(before.bytes)), \(fixed(after.bitsPerWeight, 2)) bits a weight")
    if let pictures = result.pictures, !pictures.pictures.isEmpty {
      tiles += tile(
        "Picture answers unchanged", "\(pictures.sameAnswers) of \(pictures.pictures.count)",
        "\(Shown.number(pictures.divergence.value)) nats an answer token")
    }
    return "<dl class=tiles>\(tiles)</dl>\n"
  }

  // MARK: The ruler

  /// Every model's divergence and its interval on one scale with the levels.
  private var ruler: HTML {
    let order = validation.after.indices.sorted {
      (validation.after[$0].all.divergence.mean.value, $0) < (validation.after[$1].all.divergence.mean.value, $1)
    }
    let words = order.map { place in
      let figures = validation.after[place].all
      return "\(names.after[place]) \(Shown.divergence(figures.divergence)), \(validation.after[place].level.rawValue)"
    }
    return "<figure>"
      + Plot.both(
        title: "Mean divergence of each model, and the levels",
        description: "Nats a token on a logarithmic scale, dots with 95 % intervals: \(words.joined(separator: "; "))."
      ) { width, isNarrow in
        drawRuler(order, width, isNarrow)
      }
        + """
        <figcaption>Mean divergence from the original in nats a token, with its 95 % interval, on a logarithmic scale. The level goes by \
        the upper end\(validation.texts.count > 1 ? " of the worst text" : ""). Two transparent files are equals.</figcaption></figure>

        """
  }

  private func drawRuler(_ order: [Int], _ width: Double, _ isNarrow: Bool) -> Plot {
    let ends = order.flatMap { place -> [Double] in
      let mean = validation.after[place].all.divergence.mean
      return [mean.value, mean.interval?.lowerBound ?? mean.value, mean.interval?.upperBound ?? mean.value]
    }.filter { $0 > 0 }
    let axis = Axis(
      logarithmic: [min(3e-4, (ends.min() ?? 1) * 0.7), max(0.5, (ends.max() ?? 0) * 1.4)], from: 0, to: width, room: 0)
    let isSingle = order.count == 1
    let (head, step) = (30.0, isSingle ? 62.0 : 42.0)
    let foot = head + step * Double(order.count) + 6
    var plot = Plot(width: width, height: foot + 28)
    bands(&plot, axis, top: 0, bottom: foot, isNarrow: isNarrow)
    for tick in axis.ticks(isNarrow ? 4 : 8) {
      plot.line(axis.at(tick), foot, axis.at(tick), foot + 5, "base")
      plot.tick(axis.at(tick), foot + 20, Shown.number(tick, 1))
    }
    plot.line(0, foot, width, foot, "base")
    for (row, place) in order.enumerated() {
      let figures = validation.after[place].all
      let y = head + step * Double(row) + (isSingle ? 40 : 28)
      let x = axis.at(figures.divergence.mean.value)
      if let interval = figures.divergence.mean.interval, interval.lowerBound > 0 {
        let (from, to) = (axis.at(interval.lowerBound), axis.at(interval.upperBound))
        plot.line(from, y, to, y, "e e\(place % Mark.count)")
        for end in [from, to] { plot.line(end, y - 5, end, y + 5, "e e\(place % Mark.count)") }
      }
      plot.mark(x, y, series: place, size: isSingle ? 8 : 6)
      let value = Shown.divergence(figures.divergence)
      if isSingle {
        plot.text(min(max(x, 60), width - 60), y - 16, value, .middle, "strong")
      } else {
        let label = ModelNames.cut(names.tags[place], to: isNarrow ? 18 : 24) + "  " + value
        // Letters of one width: the whole label stays inside.
        plot.text(max(4, min(x - 8, width - Double(label.count) * 7.8 - 4)), y - 11, label, .start, "name")
      }
    }
    return plot
  }

  /// The levels as bands of a horizontal axis, named at their upper end.
  func bands(_ plot: inout Plot, _ axis: Axis, top: Double, bottom: Double, isNarrow: Bool) {
    var low = axis.low
    for level in FidelityLevel.allCases {
      let high = min(level.limit, axis.high)
      guard high > low else { continue }
      let (from, to) = (axis.at(low), axis.at(high))
      plot.rectangle(from, top, to - from, bottom - top, "b-\(level.rawValue)")
      if to - from > Double(level.rawValue.count) * 7.8 + 10 {
        plot.text(from + 8, top + 18, level.rawValue, .start, "l-\(level.rawValue)")
      } else if to - from > 24 {
        plot.text(from + 5, top + 18, String(level.rawValue.prefix(1)).uppercased(), .start, "l-\(level.rawValue)")
      }
      low = high
    }
  }
}
