import Architectures
import Engine
import Evaluation
import Runtime
import TestSupport
import Testing

/// Long sequences go through the layers in pieces, and nobody can tell.
@Suite struct ChunksTests {
  private func tokens(_ count: Int) -> [Int32] { (0..<count).map { Int32($0 * 37 % 4000) } }

  @Test func `pieces cover a sequence, whole chunks and never a short rest`() {
    for count in [0, 1, 15, 16, 511, 512, 513, 527, 528, 1024, 1039, 1040, 5000] {
      let chunks = Chunks.of(count)
      #expect(chunks.flatMap { Array($0) } == Array(0..<count))
      #expect(chunks.allSatisfy { $0.lowerBound % 64 == 0 && $0.count < Chunks.length + 16 })
      #expect(chunks.count < 2 || chunks.allSatisfy { $0.count >= 16 })
    }
  }

  @Test func `no piece ends inside what has to stay whole`() {
    #expect(Chunks.of(1200, whole: [500..<756, 756..<1012]) == [0..<756, 756..<1200])
    #expect(Chunks.of(1200, whole: [0..<512, 512..<600, 1100..<1200]) == [0..<512, 512..<1024, 1024..<1200])
    #expect(Chunks.of(1200, whole: [511..<1190]) == [0..<1200])
    #expect(Chunks.of(300, whole: [10..<290]) == [0..<300])
  }

  @Test(arguments: [527, 530, 700]) func `the bits are those of the whole`(count: Int) throws {
    let model = try OpenedModel(Fixtures.path("tiny-qwen3.5")).model
    let compute = Compute(threads: 2)
    let line = tokens(count)
    var state = model.makeState(capacity: count)
    let whole = try model.forward(line, state: &state, compute: compute)
    var pieces: [Float] = []
    var other = model.makeState(capacity: 0)
    for chunk in Chunks.of(count) {
      pieces += try model.forward(Array(line[chunk]), state: &other, compute: compute).values
    }
    #expect(pieces == whole.values)

    let trace = try Trace(line, model: model, compute: compute)
    #expect(trace["layer.7"]?.value == .float32(pieces))
    let normed = model.normed(whole, rows: 0..<count, compute: compute)
    let logits = model.logits(normed, vocabulary: 0..<model.vocabularySize, compute: compute).values
    #expect(trace["logits"]?.shape == [count, model.vocabularySize])
    #expect(trace["logits"]?.value == .float32(logits))

    // Embeddings at positions, as a prompt with pictures is read.
    var read = Session(model: model, compute: compute)
    try read.read(line)
    var embedded = Session(model: model, compute: compute)
    try embedded.read(InputRows(model.embed(line), at: Positions(text: count, from: 0)))
    let (expected, found) = (read.logits, embedded.logits)
    #expect(found == expected)
  }

  @Test func `scores do not depend on how many rows are scored together`() throws {
    let model = try OpenedModel(Fixtures.path("tiny-qwen3.5")).model
    let compute = Compute(threads: 1)
    let line = tokens(300)
    var state = model.makeState(capacity: 300)
    let hidden = try model.forward(line, state: &state, compute: compute)
    func scores(_ rows: Range<Int>) throws -> [Double] {
      try LogProbability.of(
        Array(line[rows.lowerBound + 1..<rows.upperBound + 1]), predictedBy: hidden, rows: rows, model: model,
        compute: compute)
    }
    #expect(try scores(5..<299) == (try scores(5..<100) + scores(100..<299)))
  }
}
