import Runtime
import Tokenizers

/// Draws figures from answers: the unit of every error is the picture, however many questions are asked about it.
struct PictureFigures {
  let task: PictureTask
  let items: [PictureItem]

  private var tokenizer: Tokenizer { task.sight.texts[0].tokenizer }

  /// One question as a result shows it.
  func compared(_ item: PictureItem) -> ComparedPicture {
    let picture = task.pictures[item.picture]
    let answer = item.finding.answer
    let positions = item.finding.positions[PictureComparison.before] ?? []
    let information = item.finding.information
    return ComparedPicture(
      name: picture.name, sha256: picture.sha256, width: picture.width, height: picture.height, file: picture.bytes,
      prompt: item.prompt, answer: tokenizer.decode(answer.tokens),
      answerTokens: positions.map { tokenizer.decode([$0.token]) }, logLoss: positions.map { 0 - $0.before },
      caption: picture.caption, information: information.reduce(0, +) / Double(information.count))
  }

  /// What a model after made of all questions.
  func fidelity(_ index: Int) -> PictureFidelity {
    let sight = task.sight
    let pair = sight.after[index]
    func mean(
      _ scale: Estimate.Scale, of other: Sight.Pair? = nil, _ quantity: (PositionComparison) -> Double
    ) -> Estimate {
      Estimate(clusters { $0.positions[other ?? pair] ?? [] }.map { WindowSum($0, quantity) }, scale)
    }
    let divergence = mean(.logarithmic, \.divergence)
    let perPicture = clusters { $0.positions[pair] ?? [] }.map { positions in
      positions.reduce(0) { $0 + $1.divergence } / Double(positions.count)
    }
    let answers = items.map { answer($0, index, pair) }
    let isExchanged = pair.text != 0 && pair.encoder != 0 && sight.hasComparableEncoder[index]
    let information = clusters(\.information).flatMap { $0 }
    let told = information.reduce(0, +) / Double(information.count)
    return PictureFidelity(
      divergence: divergence,
      divergencePerPicture: Estimate(perPicture.map { WindowSum([$0]) { $0 } }, .logarithmic),
      reverseDivergence: mean(.logarithmic, \.reverseDivergence),
      top1Agreement: mean(.share) { $0.isSameTop ? 1 : 0 }, logLoss: mean(.logarithmic) { 0 - $0.after },
      logLossBefore: mean(.logarithmic) { 0 - $0.before }, sightLost: told > 0 ? divergence.value / told : nil,
      encoder: sight.encoders[pair.encoder].path, pictures: answers,
      attribution: isExchanged
        ? PictureFidelity.Attribution(
          text: mean(.logarithmic, of: Sight.Pair(text: pair.text, encoder: 0), \.divergence),
          vision: mean(.logarithmic, of: Sight.Pair(text: 0, encoder: pair.encoder), \.divergence), both: divergence)
        : nil,
      captions: captions(index, pair), level: FidelityLevel(divergence, windows: task.pictures.count),
      alarms: PictureAlarms(figures: self, index: index, pair: pair).all)
  }

  /// The values of each picture, all its questions together.
  private func clusters<Value>(_ values: (PictureComparison.Finding) -> [Value]) -> [[Value]] {
    var result = [[Value]](repeating: [], count: task.pictures.count)
    for item in items { result[item.picture] += values(item.finding) }
    return result.filter { !$0.isEmpty }
  }

  private func answer(_ item: PictureItem, _ index: Int, _ pair: Sight.Pair) -> PictureFidelity.Answer {
    let positions = item.finding.positions[pair] ?? []
    let count = Double(positions.count)
    return PictureFidelity.Answer(
      divergence: positions.map(\.divergence),
      meanReverseDivergence: positions.reduce(0) { $0 + $1.reverseDivergence } / count,
      top1Agreement: Double(positions.count { $0.isSameTop }) / count,
      firstDifference: positions.firstIndex { !$0.isSameTop } ?? positions.count,
      answer: tokenizer.decode(item.finding.answers[index].tokens),
      isSame: item.finding.answers[index] == item.finding.answer, logLoss: positions.map { 0 - $0.after },
      embedding: task.sight.hasComparableEncoder[index] ? item.embeddings[pair.encoder] : nil)
  }

  private func captions(_ index: Int, _ pair: Sight.Pair) -> PictureFidelity.Captions? {
    let known = items.filter { task.pictures[$0.picture].caption != nil }
    guard !known.isEmpty else { return nil }
    func exact(_ answer: (PictureItem) -> GreedyAnswer) -> Int {
      known.count { item in
        task.pictures[item.picture].caption.map { Self.words($0) } == Self.words(tokenizer.decode(answer(item).tokens))
      }
    }
    func mean(_ scale: Estimate.Scale, _ quantity: (PositionComparison) -> Double) -> Estimate {
      Estimate(clusters { $0.caption[pair] ?? [] }.map { WindowSum($0, quantity) }, scale)
    }
    return PictureFidelity.Captions(
      count: known.count, exactBefore: exact(\.finding.answer), exactAfter: exact { $0.finding.answers[index] },
      logLossBefore: mean(.logarithmic) { 0 - $0.before }, logLossAfter: mean(.logarithmic) { 0 - $0.after },
      logLossIncrease: mean(.plain) { $0.before - $0.after })
  }

  /// A text without the white space around and between its words.
  private static func words(_ text: String) -> [Substring] { text.split { $0.isWhitespace } }
}

/// Signs that something is wrong with how a model sees, whatever its mean divergence.
struct PictureAlarms {
  let figures: PictureFigures
  let index: Int
  let pair: Sight.Pair

  /// Cosines of embeddings stay above this through any sensible type.
  static let leastCosine = 0.99

  var all: [String] { [cosine, size, empty, endless].compactMap { $0 } + figures.task.sight.alarms[index] }

  private var cosine: String? {
    guard figures.task.sight.hasComparableEncoder[index] else { return nil }
    let worst = figures.items.min { $0.embeddings[pair.encoder].leastCosine < $1.embeddings[pair.encoder].leastCosine }
    guard let worst, worst.embeddings[pair.encoder].leastCosine < Self.leastCosine else { return nil }
    return
      "what the vision encoder makes of \(name(worst)) has a least cosine of \(cosineText(worst)) to what it made before: it is "
      + "another model's, or damaged"
  }

  private func cosineText(_ item: PictureItem) -> String {
    let thousandths = (item.embeddings[pair.encoder].leastCosine * 1000).rounded(.down) / 1000
    return "\(thousandths)"
  }

  private var size: String? {
    guard let item = figures.items.first(where: { $0.otherSizes.contains(pair.encoder) }) else { return nil }
    return "it would see \(name(item)) at another size than the model before: the limits of its pixels differ"
  }

  private var empty: String? {
    let found = figures.items.filter {
      $0.finding.answers[index].tokens.isEmpty && !$0.finding.answer.tokens.isEmpty
    }
    return found.first.map {
      "empty answers where the model before says something: \(found.count) of \(figures.items.count), such as \(name($0))"
    }
  }

  private var endless: String? {
    let found = figures.items.filter { item in
      let (before, after) = (item.finding.answer, item.finding.answers[index])
      return before.end != nil && after.end == nil && after.tokens.count >= 2 * before.tokens.count
    }
    return found.first.map {
      "answers without an end where the model before comes to one: \(found.count) of \(figures.items.count), such as "
        + name($0)
    }
  }

  private func name(_ item: PictureItem) -> String { figures.task.pictures[item.picture].name }
}
