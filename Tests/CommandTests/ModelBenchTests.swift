import Base
import Containers
import Runtime
import TestSupport
import Testing
import quern_cli

/// A model is measured against what bounds it; its speed is nobody's test, what is counted is.
struct ModelBenchTests {
  private static let model = Fixtures.path("tiny-qwen3.5")

  private static var size: ModelBench.Size {
    var size = ModelBench.Size(rounds: 2)
    (size.prompt, size.generated, size.memory) = (24, 2, 1 << 20)
    return size
  }

  @Test func `a model's rows stand beside the limits and say what a token takes`() throws {
    let opened = try OpenedModel(Self.model)
    var rows: [BenchRow] = []
    try ModelBench.run(opened, threads: 2, size: Self.size) { rows.append($0) }
    #expect(
      rows.map(\.name) == ["fma peak", "fma peak", "reading memory", "reading memory", "prompt 24", "generation 2"])
    #expect(rows.map(\.threads) == [1, 2, 1, 2, 2, 2])
    #expect(rows.map(\.limit) == [nil, nil, nil, nil, "fma peak", "reading memory"])

    // Every matrix of the text model is multiplied by for every token, the head for the last one of a prompt alone.
    let matrices = opened.checkpoint.tensors.filter {
      $0.shape.dimensions.count == 2 && $0.name.hasPrefix("model.language_model.")
    }
    let weights = matrices.reduce(0.0) { $0 + Double($1.shape.elementCount) }
    let head = Double(try #require(matrices.first { $0.name.hasSuffix("embed_tokens.weight") }).shape.elementCount)
    let (prompt, generation) = (try #require(rows[4].work), try #require(rows[5].work))
    #expect(generation.weightBytes == weights * 2 && generation.multiplyAdds == weights)
    #expect(prompt.multiplyAdds == weights - head + head / 24)
    #expect(abs(prompt.weightBytes - weights * 2 / 24) < 1)
    for row in rows[4...] {
      let median = try #require(row.median)
      #expect(row.value > 0 && median > 0 && median <= row.value && row.ratio != nil)
    }
  }

  @Test func `a filter leaves out what is not asked for`() throws {
    var names: [String] = []
    try ModelBench.run(OpenedModel(Self.model), filter: "PROMPT", threads: 1, size: Self.size) { names.append($0.name) }
    #expect(names == ["prompt 24"])
  }

  @Test func `the command prints one document`() throws {
    let run = try CommandLineRun(
      ["bench", Self.model, "--filter", "prompt", "--rounds", "1", "--threads", "1", "--json", "--quiet"])
    #expect(run.status == 0, "\(run.errors)")
    let row = try #require(try run.json()["rows"]?.arrayValue?.first)
    #expect(row["name"] == .string("prompt 512") && row["unit"] == .string("tokens/s"))
    #expect(row["median"] == row["value"] && row["multiply_adds_per_token"] != nil)
    #expect(try run.json()["model"] == .string(Self.model))
  }

  @Test(arguments: [
    (["bench", "--rounds", "2"], "--rounds goes with a MODEL"),
    (["bench", model, "--rounds", "0"], "--rounds must be at least 1"),
    (["bench", model, "--filter", "decode"], "there are fma peak, reading memory, prompt 512, generation 32"),
  ])
  func `wrong usage is told`(arguments: [String], words: String) throws {
    let run = try CommandLineRun(arguments)
    #expect(run.status == 64 && run.errors.contains(words), "\(run.errors)")
  }
}
