import Evaluation
import Images

/// What became of sight: picture by picture, the worst first.
extension ReportPage {
  var pictures: Section {
    let shown = validation.after.contains { $0.pictures != nil } && !validation.pictures.isEmpty
    return Section(id: "pictures", title: "Pictures", content: shown ? pictureContent : "")
  }

  private var pictureContent: HTML {
    let order = validation.pictures.indices.sorted { (-worstDivergence($0), $0) < (-worstDivergence($1), $1) }
    let open = 3
    let thumbnails = PictureThumbnails(order.map { ($0, validation.pictures[$0]) })
    var cards: HTML = ""
    for place in order.prefix(open) { cards += card(place, thumbnails) }
    var rest: HTML = ""
    for place in order.dropFirst(open) { rest += card(place, thumbnails) }
    return """
      <p>Each picture was shown to the original, and its greedy answer was then read by all models. Under every token is how far the \
      prediction moved there.</p>
      \(pictureTable)
      \(Self.heatKey)
      \(cards)
      \(Self.folded("The other \(max(0, order.count - open)) pictures", rest))
      """
  }

  /// The mean divergence of the model that lost most of a picture.
  private func worstDivergence(_ place: Int) -> Double {
    validation.after.compactMap { $0.pictures?.pictures }.filter { place < $0.count }.map {
      Self.mean($0[place].divergence)
    }.max() ?? 0
  }

  private static func mean(_ values: [Double]) -> Double {
    values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
  }

  private var pictureTable: HTML {
    let attributed = validation.after.contains { $0.pictures?.attribution != nil }
    var columns: [(String, PageTable.Alignment)] = [
      ("model", .left), ("divergence", .right), ("same likeliest", .right), ("answers unchanged", .right),
      ("least cosine", .right),
    ]
    if attributed {
      columns += [("text model alone", .right), ("vision encoder alone", .right), ("together beyond", .right)]
    }
    columns.append(("level", .left))
    var table = PageTable(
      """
      Divergence in nats an answer token; ± is one standard error, counted by pictures.\
      \(attributed ? " “Alone” exchanges only that part of the original, so that it shows where sight was lost." : "" as HTML)
      """, columns)
    for (place, result) in validation.after.enumerated() {
      guard let pictures = result.pictures else { continue }
      var cells: [HTML] = [
        marked(place), "\(Shown.estimate(pictures.divergence))", "\(Shown.percent(pictures.top1Agreement))",
        "\(pictures.sameAnswers) of \(pictures.pictures.count)",
        "\(pictures.leastCosine.map { Shown.number($0, 6) } ?? "–")",
      ]
      if attributed {
        let parts = pictures.attribution
        cells += [
          "\(parts.map { Shown.estimate($0.text) } ?? "–")", "\(parts.map { Shown.estimate($0.vision) } ?? "–")",
          "\(parts.map { Shown.number($0.interaction, 2) } ?? "–")",
        ]
      }
      table.add(cells + [Self.pill(pictures.level)])
    }
    return table.markup(id: "sight")
  }

  private static let heatSteps: [(limit: Double, words: String)] = [
    (0.002, "below 0.002"), (0.02, "0.002 to 0.02"), (0.1, "0.02 to 0.1"), (1, "0.1 to 1"),
    (.infinity, "1 nat and more"),
  ]

  private static var heatKey: HTML {
    let steps = heatSteps.enumerated().map { step, range in
      "<span><span class=\"tok h\(step)\">token</span> \(range.words)</span>" as HTML
    }
    return "<p class=heat>\(steps)</p>\n"
  }

  private func card(_ place: Int, _ thumbnails: PictureThumbnails) -> HTML {
    let picture = validation.pictures[place]
    var answers: HTML = ""
    for (model, result) in validation.after.enumerated() {
      guard let all = result.pictures?.pictures, place < all.count else { continue }
      answers += answer(all[place], to: picture, model)
    }
    var facts: HTML = "\(picture.width) × \(picture.height)"
    facts += ", \(Shown.number(picture.information)) nats a token come from the pixels"
    if picture.information < ComparedPicture.leastInformation { facts += ": this picture tests next to nothing" }
    return """
      <article class="card picture"><div class=see>\(thumbnails.markup(place, picture))</div>
      <div><h3><span class=name>\(ModelNames.short(picture.name))</span></h3>
      <p class="soft small">\(facts).\(picture.caption.map { " To be seen: \($0)" as HTML } ?? "")</p>
      <div class=answer><b><span class=name>\(names.before)</span></b><span class=said>\(picture.answer)</span></div>
      \(answers)</div></article>

      """
  }

  private func answer(_ answer: PictureFidelity.Answer, to picture: ComparedPicture, _ model: Int) -> HTML {
    var tokens: HTML = ""
    for (place, token) in picture.answerTokens.enumerated() where place < answer.divergence.count {
      let nats = answer.divergence[place]
      let step = Self.heatSteps.firstIndex { nats < $0.limit } ?? Self.heatSteps.count - 1
      tokens += "<span class=\"tok h\(step)\" title=\"\(Shown.number(nats, 2))\">\(token)</span>"
    }
    var facts: HTML = "mean \(Shown.number(Self.mean(answer.divergence)))"
    facts +=
      answer.firstDifference < answer.divergence.count
      ? ", another token is likeliest from the \(ordinal(answer.firstDifference + 1)) of \(answer.divergence.count) on"
      : ", the same token is likeliest throughout"
    if let embedding = answer.embedding { facts += ", least cosine \(Shown.number(embedding.leastCosine, 5))" }
    var changed: HTML = ""
    if !answer.isSame {
      for piece in WordDiff(from: picture.answer, to: answer.answer).pieces {
        switch piece {
        case .same(let words): changed += "\(words)"
        case .removed(let words): changed += "<del>\(words)</del> "
        case .added(let words): changed += "<ins>\(words)</ins> "
        }
      }
      changed = "<span class=said>\(changed)</span><br>"
    }
    return """
      <div class=answer><b>\(marked(model)) <span class=soft>\(answer.isSame ? "answers the same" : "answers otherwise" as HTML)</span></b>\
      \(changed)<span class=said>\(tokens)</span><br><span class="soft small">\(facts)</span></div>

      """
  }

  private func ordinal(_ number: Int) -> String {
    let ending =
      switch (number % 10, number % 100) {
      case (_, 11...13): "th"
      case (1, _): "st"
      case (2, _): "nd"
      case (3, _): "rd"
      default: "th"
      }
    return "\(number)\(ending)"
  }
}

/// Small copies of the pictures, as many as a page should carry.
private struct PictureThumbnails {
  private var images: [Int: HTML] = [:]
  /// Bytes that all of them may take together.
  private static let budget = 900_000

  /// Of pictures in the order of their worth.
  init(_ pictures: [(place: Int, picture: ComparedPicture)]) {
    var left = Self.budget
    for (place, picture) in pictures {
      guard let small = Thumbnail.png(of: picture.file, name: picture.name, longest: 160) else { continue }
      let text = Base64.text(small)
      guard text.utf8.count <= left else { continue }
      left -= text.utf8.count
      let tiny: HTML = max(picture.width, picture.height) < 96 ? " class=tiny" : ""
      // The text is longer than any value, and its alphabet needs no escaping.
      images[place] =
        "<img\(tiny) src=\"data:image/png;base64," + HTML(base64: text)
        + "\" alt=\"\(picture.caption ?? "picture \(picture.name)")\">"
    }
  }

  func markup(_ place: Int, _ picture: ComparedPicture) -> HTML {
    images[place] ?? "<div class=none>\(picture.width) × \(picture.height), not shown</div>"
  }
}
