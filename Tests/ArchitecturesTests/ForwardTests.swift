import Base
import Containers
import Engine
import Quants
import Runtime
import TestSupport
import Testing

/// The reference's numbers for the tiny model: what transformers computed in float32.
struct Reference {
  let checkpoint: Checkpoint

  init() throws { checkpoint = try Containers.open(Fixtures.path("golden/tiny-qwen3.5/activations.safetensors")) }

  func floats(_ name: String) throws -> [Float] { try checkpoint.tensor(name).readFloats() }

  func tokens(_ name: String) throws -> [Int32] {
    try checkpoint.tensor(name).withBytes { bytes in
      (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self) }
    }
  }

  /// The largest difference, relative to the reference's largest magnitude.
  static func difference(_ found: [Float], _ expected: [Float]) -> Float {
    guard found.count == expected.count else { return .infinity }
    var (worst, largest): (Float, Float) = (0, 0)
    for (a, b) in zip(found, expected) {
      worst = (a - b).isNaN ? .infinity : max(worst, abs(a - b))
      largest = max(largest, abs(b))
    }
    return worst / largest
  }
}

@Suite("Qwen3.5, computed")
struct ForwardTests {
  static let cases = ["chat", "prose", "unicode"]

  /// Hidden states behind every layer, then the logits.
  static func states(_ model: any LanguageModel, _ tokens: [Int32], _ compute: Compute) throws -> [[Float]] {
    var states: [[Float]] = []
    var state = model.makeState(capacity: tokens.count)
    let hidden = try model.forward(tokens, state: &state, compute: compute) { _, x in states.append(x.values) }
    let normed = model.normed(hidden, rows: 0..<tokens.count, compute: compute)
    states.append(model.logits(normed, vocabulary: 0..<model.vocabularySize, compute: compute).values)
    return states
  }

  /// Walks the layers in order and stops at the first that differs.
  static func check(_ opened: OpenedModel, _ name: String, kernels: Kernels = .best) throws {
    let reference = try Reference()
    let tokens = try reference.tokens("\(name).input_ids")
    let states = try states(opened.model, tokens, Compute(threads: 2, kernels: kernels))
    try #require(states.count == opened.model.layerCount + 1)
    for (index, values) in states.enumerated() {
      let tensor = index < opened.model.layerCount ? "layer.\(index)" : "logits"
      let difference = Reference.difference(values, try reference.floats("\(name).\(tensor)"))
      try #require(difference < 1e-5, "\(name) \(tensor) at level \(kernels)")
    }
    let expected = try reference.tokens("\(name).generated")
    var session = Session(model: opened.model, compute: Compute(threads: 2, kernels: kernels))
    try session.read(tokens)
    var greedy = Sampler()
    #expect(try session.generate(expected.count, sampler: &greedy, stop: []) == expected)
  }

  @Test("Every layer is the reference's, and so is the continuation", arguments: cases, Kernels.available)
  func reference(name: String, kernels: Kernels) throws {
    let opened = try OpenedModel(Fixtures.path("tiny-qwen3.5"))
    let prompt = try Fixtures.json("golden/tiny-qwen3.5/reference.json")["cases"]?.arrayValue?
      .first { $0["name"]?.stringValue == name }?["prompt"]?.stringValue
    #expect(
      try opened.promptTokens(try #require(prompt), raw: true) == (try Reference().tokens("\(name).input_ids")))
    try Self.check(opened, name, kernels: kernels)
  }

  @Test("One token at a time gives what the whole prompt gives, whatever the pieces", arguments: [1, 3, 40, 64])
  func pieces(size: Int) throws {
    let opened = try OpenedModel(Fixtures.path("tiny-qwen3.5"))
    let tokens = try Reference().tokens("prose.input_ids")
    let compute = Compute(threads: 2)
    var whole = Session(model: opened.model, compute: compute)
    try whole.read(tokens)
    var session = Session(model: opened.model, compute: compute)
    for start in stride(from: 0, to: tokens.count, by: size) {
      try session.read(Array(tokens[start..<min(start + size, tokens.count)]))
    }
    #expect(session.count == tokens.count)
    #expect(Reference.difference(session.logits, whole.logits) < 1e-5)
  }

  @Test("The number of threads changes no bit", arguments: [2, 7])
  func threads(count: Int) throws {
    let opened = try OpenedModel(Fixtures.path("tiny-qwen3.5"))
    let tokens = try Reference().tokens("unicode.input_ids")
    let one = try Self.states(opened.model, tokens, Compute(threads: 1))
    let many = try Self.states(opened.model, tokens, Compute(threads: count))
    #expect(one == many)
  }

  @Test("Sequences side by side get the bits they get alone", arguments: [1, 2])
  func sideBySide(threads: Int) throws {
    let model = try OpenedModel(Fixtures.path("tiny-qwen3.5")).model
    let compute = Compute(threads: threads)
    let tokens = try Reference().tokens("unicode.input_ids")
    let lines = (0..<5).map { index in (0..<70).map { tokens[($0 * (index + 1)) % tokens.count] } }
    var together = model.makeState(capacity: 0, sequences: lines.count)
    let prompts = try model.forward(lines, state: &together, compute: compute)
    let steps = try model.forward(lines.map { [$0[7]] }, state: &together, compute: compute)
    #expect(together.count == 71 && together.nextPosition == 71)
    for (index, line) in lines.enumerated() {
      var alone = model.makeState(capacity: 100)
      #expect(
        try model.forward(line, state: &alone, compute: compute).values == prompts.rows(index * 70..<index * 70 + 70))
      #expect(try model.forward([line[7]], state: &alone, compute: compute).values == steps.row(index))
    }
  }

  @Test("Tokens and lengths the model cannot have are refused")
  func limits() throws {
    let opened = try OpenedModel(Fixtures.path("tiny-qwen3.5"))
    let compute = Compute(threads: 1)
    for token: Int32 in [-1, 4096, .max] {
      var session = Session(model: opened.model, compute: compute)
      #expect(throws: CheckpointError.self) { try session.read([1, token]) }
    }
    var state = opened.model.makeState(capacity: 0)
    let long = Activations(rows: opened.model.contextLength + 1, columns: opened.model.hiddenSize)
    #expect {
      _ = try opened.model.forward(
        long, at: Positions(text: long.rows, from: 0), state: &state, compute: compute, observer: nil)
    } throws: { error in
      (error as? CheckpointError)?.message.contains("4096") ?? false
    }
  }
}
