import Base
import Quern
import TestSupport
import Testing

// The code of the articles in Sources/Quern/Quern.docc, compiled and run. `ArticleTests` compares the two, block by block: each stands between
// a comment with the article's name and one that says "end".

/// What the articles show, on the small model.
struct ArticleCode {
  private let source = Fixtures.path("tiny-qwen3.5")
  private let scratch: TemporaryFolder

  init() throws { scratch = try TemporaryFolder() }

  @Test func `convert`() throws {
    let destination = scratch.file("tiny.gguf")
    let folder = scratch.file("back")
    // Convert
    let model = try Model(source)
    print(model.architecture, model.container, model.parameterCount, "weights")
    for tensor in model.tensors where tensor.shape.count == 2 {
      print(tensor.name, tensor.type, tensor.shape, tensor.byteCount)
    }
    // end
    // Convert
    let plan = try model.conversionPlan(type: .bf16, output: OutputOptions(path: destination))
    for output in plan.outputs {
      print(output.path, output.byteCount, "bytes,", output.bitsPerWeight, "bits per weight")
    }
    let files = try plan.run()
    // end
    // Convert
    let gguf = try Model(destination)
    try gguf.conversionPlan(to: .huggingFace, output: OutputOptions(path: folder)).run()
    // end
    #expect(files.map(\.path) == plan.outputs.map(\.path))
    #expect(try Model(folder).container == .huggingFace && Model(folder).isKnown)
  }

  @Test func `quantize`() throws {
    let destination = scratch.file("tiny.gguf")
    // Quantize
    let recipe = try WeightRecipe(named: "Q4_K_M").storing(.q8_0, in: "token_embd")
    // end
    // Quantize
    var output = OutputOptions(path: destination)
    output.overwrite = true
    let plan = try Model(source).quantizationPlan(recipe, output: output)
    for tensor in plan.outputs[0].tensors {
      print(tensor.name, tensor.typeBefore, "->", tensor.type, tensor.note ?? "")
    }
    // end
    // Quantize
    let deadline = ContinuousClock.now + .seconds(3600)
    do {
      try plan.run { progress in
        print(progress.fraction, progress.tensor ?? "")
      } isCancelled: {
        ContinuousClock.now > deadline
      }
    } catch {
      guard error.kind == .cancelled else { throw error }
      print("not finished in an hour")
    }
    // end
    // Quantize
    do {
      output.overwrite = false
      try Model(source).quantizationPlan(recipe, output: output).run()
    } catch {
      print(error, error.remedy == .allowOverwriting ? "Replace it?" : "")
    }
    // end
    #expect(try Model(destination).bitsPerWeight < 8)
  }

  @Test func `judge`() throws {
    let quantized = scratch.file("tiny.gguf")
    let notes = String(decoding: try Fixtures.bytes("text/persuasion.txt"), as: UTF8.self)
    try Model(source).quantizationPlan(WeightRecipe(named: "Q8_0"), output: OutputOptions(path: quantized)).run()
    // Judge
    let before = try RunnableModel(source)
    let after = try RunnableModel(quantized)
    let text = EvaluationText(name: "notes", notes)
    let validation = try ModelValidation(before: before, after: after, on: [text], context: 64, windows: 8)
    print(validation.level, validation.all.divergence.value, "nats a token")
    if let interval = validation.all.divergence.interval { print("95 %:", interval) }
    for tensor in validation.tensors.prefix(3) { print(tensor.name, tensor.relativeError) }
    // end
    // Judge
    let perplexity = try after.perplexity(on: text, context: 64, windows: 4)
    print(perplexity.value, "±", perplexity.standardError ?? 0)
    // end
    // Judge
    let answer = try after.answer(to: "Sir Walter Elliot was", isPlain: true, limit: 16) { print($0, terminator: "") }
    print(answer.tokens.count, "tokens")
    // end
    #expect(validation.level <= .good && validation.texts.map(\.text) == ["notes"])
    #expect(perplexity.value > 1 && answer.tokens.count == 16)
  }
}
