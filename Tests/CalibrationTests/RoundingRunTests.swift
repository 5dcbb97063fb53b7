import Base
import Calibration
import Containers
import Conversion
import Corpus
import Engine
import Evaluation
import Quants
import Runtime
import TestSupport
import Testing

@Suite("Rounding the tiny model layer by layer") struct RoundingRunTests {
  static let model = Fixtures.path("tiny-qwen3.5")

  /// A calibration of few tokens and the opened model.
  private func prepared(_ folder: String, windows: Int = 4) throws -> (OpenedModel, Calibration) {
    let opened = try OpenedModel(Self.model)
    let text = try CalibrationText(
      [(TextSource(name: "prose", bytes: Corpus.calibration[0].bytes), 1)], of: opened, context: 128, windows: windows)
    let calibration = try CalibrationRun(opened, text, context: 128, threads: 2)(.none)
    try calibration.write(to: folder + "/c.gguf")
    return (opened, calibration)
  }

  /// The plan of a recipe's own types under that calibration.
  private func plan(_ folder: String, _ name: String) throws -> Plan {
    var options = ConversionOptions.quantize(try Recipe.named("Q3_K_M"))
    options.guide = try CalibrationGuide(path: folder + "/c.gguf")
    options.output = folder + "/" + name
    options.vision = false
    return try Conversion.plan(source: Self.model, options: options, threads: 2)
  }

  private func bytes(_ plan: Plan, _ state: RoundingState) throws -> [UInt8] {
    _ = try plan.taking(state.tensors()).run(threads: 2)
    let file = try InputFile(path: plan.files[0].path)
    return try file.readBytes(at: 0, count: Int(file.size))
  }

  @Test("Bytes depend neither on threads nor on where a run was stopped, and the folder goes when it is told to")
  func stopped() throws {
    let folder = try TemporaryFolder()
    let (opened, calibration) = try prepared(folder.path)
    let plan = try plan(folder.path, "m.gguf")
    let place = folder.path + "/.m.gguf.rounding"
    let whole = try RoundingRun(opened, calibration, plan, threads: 3)(folder: place)
    let expected = try bytes(plan, whole)
    try whole.remove()
    #expect(!FileSystem.isFolder(place))
    try #require(FileSystem.exists(folder.path + "/m.gguf"))
    let again = try RoundingRun(opened, calibration, plan, threads: 1)
    for layers in [1, 4, 7] {
      // What a killed run leaves: the matrices of layers that were done, and the states behind the last of them.
      let state = try again(folder: place, layers: layers)
      #expect(state.layers == layers)
      try #require(!FileSystem.exists(place + "/part-3.gguf"))
    }
    let state = try again(folder: place)
    #expect(state.layers == opened.model.layerCount)
    let other = try self.plan(folder.path, "n.gguf")
    #expect(try bytes(other, state) == expected)
    try state.remove()
  }

  @Test("A folder of another job is begun anew, and one that another run holds is refused")
  func otherJob() throws {
    let folder = try TemporaryFolder()
    let place = folder.path + "/work"
    let first = try RoundingState(folder: place, job: "one")
    try first.add(
      [], ofLayers: 1,
      states: ([Activations(rows: 1, columns: 2, [1, 2])], [Activations(rows: 1, columns: 2, [3, 4])]))
    let held = try #require(throws: CheckpointError.self) { try RoundingState(folder: place, job: "one") }
    #expect(held.code == CheckpointError.Code.inputOutput)
    _ = consume first
    let same = try RoundingState(folder: place, job: "one")
    #expect(same.layers == 1)
    let states = try #require(try same.states(lengths: [1], hidden: 2))
    #expect(states.original[0].values == [1, 2] && states.rounded[0].values == [3, 4])
    #expect(throws: CheckpointError.self) { try same.states(lengths: [2], hidden: 2) }
    _ = consume same
    #expect(try RoundingState(folder: place, job: "two").layers == 0)
  }

  @Test("Rounded weights cost less than weighted rounding of the same types, on other text")
  func better() throws {
    let folder = try TemporaryFolder()
    let (opened, calibration) = try prepared(folder.path, windows: 48)
    _ = try plan(folder.path, "m.gguf").run(threads: 2)
    let plain = try OpenedModel(folder.path + "/m.gguf")
    let other = try plan(folder.path, "n.gguf")
    _ = try bytes(other, RoundingRun(opened, calibration, other, threads: 2)(folder: folder.path + "/work"))
    let fedBack = try OpenedModel(folder.path + "/n.gguf")
    let text = Array(try Fixtures.bytes("text/persuasion.txt").dropFirst(200_000).prefix(4000))
    let window = try TextWindows(text, name: nil, tokenizer: opened.tokenizer, context: 256, limit: 2)
    let compute = Compute(threads: 2)
    func logits(_ opened: OpenedModel, _ tokens: [Int32]) throws -> Activations {
      var state = opened.model.makeState(capacity: tokens.count)
      let hidden = try opened.model.forward(tokens, state: &state, compute: compute)
      let normed = opened.model.normed(hidden, rows: 0..<hidden.rows, compute: compute)
      return opened.model.logits(normed, vocabulary: 0..<opened.model.vocabularySize, compute: compute)
    }
    var (weighted, rounded) = (0.0, 0.0)
    for window in window.windows {
      let before = try logits(opened, window.tokens)
      let first = try logits(plain, window.tokens)
      let second = try logits(fedBack, window.tokens)
      for row in window.scored {
        let p = LogitRow(before, row: row, compute.kernels)
        weighted += p.divergence(from: LogitRow(first, row: row, compute.kernels), compute.kernels).forward
        rounded += p.divergence(from: LogitRow(second, row: row, compute.kernels), compute.kernels).forward
      }
    }
    #expect(rounded < 0.9 * weighted, "\(rounded) of \(weighted)")
  }
}
