import Architectures
import Base
import Engine
import Images
import Runtime
import Tokenizers

/// Shows pictures to text models behind vision encoders, and compares what they would say.
///
/// The model before answers; then every pair of text model and vision encoder that is asked for reads prompt, picture and that answer in
/// one pass of the same shape, so that equal models give equal bits. A vision encoder runs once for a picture.
struct PictureComparison {
  let sight: Sight
  /// Tokens of an answer at most.
  let answerLimit: Int
  /// Of the text model and the vision encoder before, which are exact.
  let compute: Compute
  /// Of all others.
  private let computeAfter: Compute
  /// What is compared with the text model before behind its own vision encoder.
  private let pairs: [Sight.Pair]
  /// What the vision encoder before makes of grey pictures, by their grids.
  private var greys: [Patches.Grid: PictureRows] = [:]

  static let before = Sight.Pair(text: 0, encoder: 0)

  init(_ sight: Sight, answerLimit: Int, compute: Compute, precision: Precision) {
    self.sight = sight
    self.answerLimit = answerLimit
    self.compute = compute
    computeAfter = compute.at(precision)
    var pairs: [Sight.Pair] = []
    for pair in sight.after {
      for each in [pair, Sight.Pair(text: pair.text, encoder: 0), Sight.Pair(text: 0, encoder: pair.encoder)]
      where each != Self.before && !pairs.contains(each) { pairs.append(each) }
    }
    self.pairs = pairs
  }

  /// What every vision encoder makes of one picture.
  struct View {
    let patches: Patches
    /// What each encoder makes of the picture.
    let rows: [PictureRows]
    let grey: PictureRows
    /// Encoders that would see the picture at another size than that of the model before.
    let otherSizes: Set<Int>
  }

  /// What became of one question.
  struct Finding {
    let answer: GreedyAnswer
    /// Along the answer before, the end token included.
    let positions: [Sight.Pair: [PositionComparison]]
    /// Divergence of the answer given the picture from that given a grey one, token by token.
    let information: [Double]
    /// Of each model after.
    let answers: [GreedyAnswer]
    /// Along the true caption.
    let caption: [Sight.Pair: [PositionComparison]]
  }

  /// Runs the vision encoders.
  mutating func view(_ picture: ShownPicture) throws(CheckpointError) -> View {
    let shown = sight.encoders[0]
    let patches = try shown.preprocessing.patches(of: picture.file())
    guard let grid = patches.grids.first else { throw CheckpointError(.fault, "a picture without a grid") }
    var rows: [PictureRows] = []
    var otherSizes: Set<Int> = []
    for (index, reader) in sight.encoders.enumerated() {
      var own = patches
      if reader.preprocessing != shown.preprocessing {
        let other = try reader.preprocessing.patches(of: picture.file())
        // Compared is what is seen of the same picture at the same size.
        if other.grids == patches.grids { own = other } else { otherSizes.insert(index) }
      }
      rows.append(try encode(own, index))
    }
    if greys[grid] == nil {
      greys[grid] = try encode(shown.preprocessing.patches(ofGrey: Self.grey, grid: grid), 0)
    }
    return View(patches: patches, rows: rows, grey: greys[grid] ?? rows[0], otherSizes: otherSizes)
  }

  /// Of every channel of a picture that shows nothing.
  private static let grey: UInt8 = 128

  /// What a text model or a vision encoder runs on, by its place.
  private func compute(of place: Int) -> Compute { place == 0 ? compute : computeAfter }

  private func encode(_ patches: Patches, _ place: Int) throws(CheckpointError) -> PictureRows {
    let reader = sight.encoders[place]
    do throws(CheckpointError) {
      return try reader.encoder.encode(patches, compute: compute(of: place), observer: nil)
    } catch {
      throw error.in(file: reader.path)
    }
  }

  /// Asks one question about a picture that was looked at.
  func ask(_ question: String, _ view: View, caption: String?) throws(CheckpointError) -> Finding {
    let shown = sight.encoders[0]
    let text = sight.isRaw ? shown.placed(question, pictures: 1) : question
    let prompt = try shown.prompt(text, raw: sight.isRaw, patches: view.patches)
    let answer = try answer(prompt, Self.before, after: [], view)
    let targets = answer.tokens + (answer.end.map { [$0] } ?? [])
    let found = try compare(
      prompt, targets, view,
      pairs.map { Glance(pair: $0, rows: view.rows[$0.encoder]) }
        + [Glance(pair: Self.before, rows: view.rows[0]), Glance(pair: nil, rows: view.grey)])
    let positions = Dictionary(zip(pairs + [Self.before], found), uniquingKeysWith: { first, _ in first })
    var answers: [GreedyAnswer] = []
    for pair in sight.after { answers.append(try own(pair, prompt, answer, positions[pair] ?? [], view)) }
    var captions: [Sight.Pair: [PositionComparison]] = [:]
    if let caption {
      let own = [Self.before] + pairs.filter { sight.after.contains($0) }
      let found = try compare(
        prompt, try sight.texts[0].tokenizer.encode(caption), view,
        own.map { Glance(pair: $0, rows: view.rows[$0.encoder]) })
      captions = Dictionary(zip(own, found), uniquingKeysWith: { first, _ in first })
    }
    return Finding(
      answer: answer, positions: positions, information: found[found.count - 1].map(\.divergence), answers: answers,
      caption: captions)
  }

  // MARK: Answers

  /// The greedy answer of a pair that has said `tokens` already.
  private func answer(
    _ prompt: PicturePrompt, _ pair: Sight.Pair, after tokens: [Int32], _ view: View
  ) throws(CheckpointError) -> GreedyAnswer {
    let opened = sight.texts[pair.text]
    var session = Session(model: opened.model, compute: compute(of: pair.text))
    do throws(CheckpointError) {
      let limit = min(answerLimit, try opened.room(after: prompt.tokens))
      try session.read(
        prompt.input(of: opened.model, seen: view.rows[pair.encoder], followedBy: tokens))
      return try GreedyAnswer(
        continuing: tokens, session: &session, limit: limit, stop: sight.texts[0].stopTokens)
    } catch {
      throw explained(error, pair)
    }
  }

  /// The greedy answer of a model after, which says what the model before says up to the first position at which another token is
  /// likeliest.
  private func own(
    _ pair: Sight.Pair, _ prompt: PicturePrompt, _ before: GreedyAnswer, _ positions: [PositionComparison], _ view: View
  ) throws(CheckpointError) -> GreedyAnswer {
    guard let place = positions.firstIndex(where: { !$0.isSameTop }), let token = positions[place].topAfter.first else {
      return before
    }
    let said = Array(before.tokens.prefix(place))
    if sight.texts[0].stopTokens.contains(token) { return GreedyAnswer(tokens: said, end: token) }
    return try answer(prompt, pair, after: said + [token], view)
  }

  // MARK: Comparisons

  /// A text model and the rows it sees; `pair` is nil for the model before in front of a grey picture.
  private struct Glance {
    let pair: Sight.Pair?
    let rows: PictureRows
  }

  /// Compares glances with that of the model before, along `targets`; [glance][position].
  private func compare(
    _ prompt: PicturePrompt, _ targets: [Int32], _ view: View, _ glances: [Glance]
  ) throws(CheckpointError) -> [[PositionComparison]] {
    let first = Glance(pair: Self.before, rows: view.rows[0])
    let reference = try hidden(first, prompt, targets)
    var others: [Activations?] = []
    for glance in glances {
      others.append(glance.pair == Self.before ? nil : try hidden(glance, prompt, targets))
    }
    var result = [[PositionComparison]](repeating: [], count: glances.count)
    for rows in TextPass.blocks(of: targets.count, Self.blockRows) {
      let before = try self.rows(reference, rows, first)
      for (index, glance) in glances.enumerated() {
        let after = try others[index].map { hidden throws(CheckpointError) in try self.rows(hidden, rows, glance) }
        for (place, row) in rows.enumerated() {
          result[index].append(
            PositionComparison(before[place], (after ?? before)[place], token: targets[row], compute.kernels))
        }
      }
    }
    return result
  }

  /// Rows of logits that are made together.
  private static let blockRows = 32

  /// The hidden states that predict `targets`.
  private func hidden(
    _ glance: Glance, _ prompt: PicturePrompt, _ targets: [Int32]
  ) throws(CheckpointError) -> Activations {
    let place = glance.pair?.text ?? 0
    let model = sight.texts[place].model
    let said = Array(targets.dropLast())
    let first = prompt.tokens.count - 1
    let result = Activations(rows: targets.count, columns: model.hiddenSize)
    do throws(CheckpointError) {
      let input = try prompt.input(of: model, seen: glance.rows, followedBy: said)
      var state = model.makeState(capacity: input.count)
      for chunk in model.pieces(of: input) {
        let hidden = try model.forward(input[chunk], state: &state, compute: compute(of: place))
        let rows = chunk.clamped(to: first..<input.count)
        if rows.isEmpty { continue }
        result.replace(
          from: rows.lowerBound - first, by: hidden,
          rows.lowerBound - chunk.lowerBound..<rows.upperBound - chunk.lowerBound)
      }
    } catch {
      throw explained(error, glance.pair ?? Self.before)
    }
    return result
  }

  private func rows(
    _ hidden: Activations, _ rows: Range<Int>, _ glance: Glance
  ) throws(CheckpointError) -> [LogitRow] {
    let pair = glance.pair ?? Self.before
    do throws(CheckpointError) {
      return try sight.texts[pair.text].predictions(hidden, rows, compute(of: pair.text))
    } catch {
      throw explained(error, pair)
    }
  }

  /// An error with the place of the damage, in the text model or in the vision encoder, and with the model's name.
  private func explained(_ error: CheckpointError, _ pair: Sight.Pair) -> CheckpointError {
    let opened = sight.texts[pair.text]
    return sight.encoders[pair.encoder].explained(opened.explained(error)).in(file: opened.name)
  }
}
