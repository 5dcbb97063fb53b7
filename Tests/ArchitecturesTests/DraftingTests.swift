import Base
import Conversion
import Engine
import Quants
import Runtime
import TestSupport
import Testing

/// Guesses what the model itself would choose, but for every so many guesses, which are wrong.
private final class Oracle: DraftBlock, @unchecked Sendable {  // unchecked: one session at a time
  private let model: any LanguageModel
  private let period: Int
  private var state: SequenceState
  private var guesses = 0

  /// `first` is the sequence's first token, which no place is followed by.
  init(_ model: any LanguageModel, after first: Int32, wrongEvery period: Int) throws {
    (self.model, self.period) = (model, period)
    state = model.makeState(capacity: 0)
    _ = try model.forward([first], state: &state, compute: Compute(threads: 1))
  }

  func makeState(capacity: Int) -> KeyValueCache { KeyValueCache(heads: 1, dimension: 1, capacity: 0) }

  private func answer(_ places: DraftPlaces, _ compute: Compute) -> Activations {
    let positions = Positions(text: places.positions.count, from: state.nextPosition)
    guard
      let hidden = try? model.forward(
        places.following.copy(of: 0..<places.following.rows), at: positions, state: &state, compute: compute)
    else { return places.hidden }
    return model.normed(hidden, rows: hidden.rows - 1..<hidden.rows, compute: compute)
  }

  func read(_ places: DraftPlaces, cache: KeyValueCache, compute: Compute) { _ = answer(places, compute) }

  func guess(_ place: DraftPlaces, cache: KeyValueCache, compute: Compute) -> Activations {
    guesses += 1
    let result = answer(place, compute)
    if guesses % period == 0 { result.withElements { all in for i in all.indices { all[i] *= -1 } } }
    return result
  }
}

@Suite("Guessed tokens")
struct DraftingTests {
  private let compute = Compute(threads: 2)

  /// The logits after each of some tokens that go through the model behind a prompt, so many at a time.
  private func rows(
    _ model: any LanguageModel, _ prompt: [Int32], _ tokens: [Int32], size: Int, _ compute: Compute
  ) throws -> [[Float]] {
    var state = model.makeState(capacity: 0)
    _ = try model.forward(prompt, state: &state, compute: compute)
    var result: [[Float]] = []
    for start in stride(from: 0, to: tokens.count, by: size) {
      let part = Array(tokens[start..<min(start + size, tokens.count)])
      let hidden = try model.forward(part, state: &state, compute: compute)
      let normed = model.normed(hidden, rows: 0..<part.count, compute: compute)
      let logits = model.logits(normed, vocabulary: 0..<model.vocabularySize, compute: compute)
      result += part.indices.map { logits.row($0) }
    }
    return result
  }

  private func checkCompany(_ opened: OpenedModel, _ compute: Compute) throws {
    let tokens = try Reference().tokens("prose.input_ids")
    let (prompt, more) = (Array(tokens.prefix(20)), Array(tokens.dropFirst(20).prefix(12)))
    let alone = try rows(opened.model, prompt, more, size: 1, compute)
    for size in 2...4 {
      #expect(try rows(opened.model, prompt, more, size: size, compute) == alone, "\(size) at a time")
    }
  }

  @Test("Up to four tokens in one call give the bits they give one by one", arguments: Kernels.available)
  func company(kernels: Kernels) throws {
    try checkCompany(OpenedModel(Fixtures.path("tiny-qwen3.5")), Compute(threads: 2, kernels: kernels))
  }

  @Test("So they do in quantized files", arguments: ["Q8_0", "Q4_K_M", "Q2_K", "IQ4_XS", "Q5_1"])
  func company(recipe: String) throws {
    let folder = try TemporaryFolder()
    var options = ConversionOptions.quantize(try .named(recipe))
    (options.output, options.vision) = (folder.file("tiny.gguf"), false)
    _ = try Conversion.plan(source: Fixtures.path("tiny-qwen3.5"), options: options).run(threads: 2)
    try checkCompany(OpenedModel(folder.file("tiny.gguf")), compute)
  }

  @Test("What was taken back leaves no trace", arguments: [2, 3, 4])
  func rewind(size: Int) throws {
    let model = try OpenedModel(Fixtures.path("tiny-qwen3.5")).model
    let tokens = try Reference().tokens("prose.input_ids")
    // Prompts shorter and longer than the history of the convolution, up to a tile of keys and beyond.
    for length in [1, 2, 30, 63] {
      for kept in 1..<size {
        var plain = model.makeState(capacity: 0)
        var state = model.makeState(capacity: 0)
        let prompt = Array(tokens.prefix(length))
        _ = try model.forward(prompt, state: &plain, compute: compute)
        _ = try model.forward(prompt, state: &state, compute: compute)
        for token in tokens[40..<40 + kept] { _ = try model.forward([token], state: &plain, compute: compute) }
        state.keepSteps(true)
        _ = try model.forward(Array(tokens[40..<40 + size]), state: &state, compute: compute)
        state.keepSteps(false)
        state.rewind(keeping: kept, of: size)
        #expect(state.count == plain.count && state.nextPosition == plain.nextPosition)
        for token in tokens[10..<14] {
          #expect(
            try model.forward([token], state: &state, compute: compute).values
              == model.forward([token], state: &plain, compute: compute).values)
        }
      }
    }
  }

  private func answer(
    _ opened: OpenedModel, _ prompt: [Int32], _ count: Int, _ draft: (any DraftBlock)?, guesses: Int = 1
  ) throws -> (tokens: [Int32], logits: [Float], drafts: DraftFigures?) {
    var session = Session(model: opened.model, compute: compute, draft: draft, guesses: guesses)
    try session.read(prompt)
    var greedy = Sampler()
    let tokens = try session.generate(count, sampler: &greedy, stop: [])
    #expect(session.count == prompt.count + tokens.count - 1)
    // Reading on by other means takes back what nobody asked for.
    try session.read(Array(prompt.prefix(3)))
    #expect(session.count == prompt.count + tokens.count + 2)
    return (tokens, session.logits, session.drafts)
  }

  @Test("Right and wrong guesses change no token and no logit", arguments: [1, 2, 3, 1000], [1, 2, 3, 40])
  func guesses(period: Int, count: Int) throws {
    let opened = try OpenedModel(Fixtures.path("tiny-qwen3.5"))
    let prompt = try Reference().tokens("prose.input_ids")
    let plain = try answer(opened, prompt, count, nil)
    let drafted = try answer(
      opened, prompt, count, Oracle(opened.model, after: prompt[0], wrongEvery: period))
    #expect(drafted.tokens == plain.tokens && drafted.logits == plain.logits && plain.drafts == nil)
    let figures = try #require(drafted.drafts)
    if count < 3 {
      // The last token is not worth a guess, and neither is the one before when it is asked for next.
      #expect(figures.drafted == 0 && figures.acceptanceRate == nil)
    } else if period == 1 {
      #expect(figures.drafted > 0 && figures.accepted == 0)
    } else {
      #expect(figures.accepted > 0)
    }
    if count == 40, period > 1 {
      #expect(figures.acceptanceRate == Double(figures.accepted) / Double(figures.drafted))
      #expect((figures.accepted == figures.drafted) == (period == 1000))
    }
  }

  @Test("The file's own block changes no token, and guessing ends where it does not pay")
  func ownBlock() throws {
    let opened = try OpenedModel(Fixtures.path("tiny-qwen3.5"))
    let prompt = try Reference().tokens("chat.input_ids")
    let plain = try answer(opened, prompt, 60, nil)
    let drafted = try answer(opened, prompt, 60, opened.draftBlock())
    #expect(drafted.tokens == plain.tokens && drafted.logits == plain.logits)
    // Its block is not trained.
    #expect(drafted.drafts?.drafted == 32)
  }

  @Test("Nor do several guesses at a time, of which the second reads what the first made", arguments: [2, 3])
  func chains(guesses: Int) throws {
    let opened = try OpenedModel(Fixtures.path("tiny-qwen3.5"))
    let prompt = try Reference().tokens("unicode.input_ids")
    let plain = try answer(opened, prompt, 24, nil)
    let drafted = try answer(opened, prompt, 24, opened.draftBlock(), guesses: guesses)
    #expect(drafted.tokens == plain.tokens && drafted.logits == plain.logits)
    #expect(try #require(drafted.drafts).drafted > 24)
  }

  @Test("So it is in families with experts", arguments: ["qwen3_next", "qwen3_5_moe"], 1...3)
  func families(name: String, guesses: Int) throws {
    let opened = try OpenedModel(Fixtures.path("families/\(name)/model"))
    let prompt = (5..<40).map { Int32($0) }
    let block = try #require(opened.draftBlock())
    let plain = try answer(opened, prompt, 20, nil)
    let drafted = try answer(opened, prompt, 20, block, guesses: guesses)
    #expect(drafted.tokens == plain.tokens && drafted.logits == plain.logits)
    #expect(try #require(drafted.drafts).drafted > 0)
  }

  @Test("A sequence as long as the context is generated to its end")
  func contextEnd() throws {
    let opened = try OpenedModel(Fixtures.path("tiny-qwen3.5"))
    let tokens = try Reference().tokens("prose.input_ids")
    let length = opened.model.contextLength
    let prompt = (0..<length - 6).map { tokens[$0 % tokens.count] }
    var session = Session(
      model: opened.model, compute: compute, draft: try Oracle(opened.model, after: prompt[0], wrongEvery: 1000))
    try session.read(prompt)
    var greedy = Sampler()
    #expect(try session.generate(7, sampler: &greedy, stop: []).count == 7)
    #expect(session.count == length)
  }
}
