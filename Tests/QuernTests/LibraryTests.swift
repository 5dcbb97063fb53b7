import Base
import Quern
import TestSupport
import Testing

/// The library as an app sees it: values, errors with remedies, cancellation that leaves nothing.
struct LibraryTests {
  private let source = Fixtures.path("tiny-qwen3.5")

  private func error<R>(_ body: () throws(QuernError) -> R) -> QuernError? {
    do throws(QuernError) { _ = try body() } catch { return error }
    return nil
  }

  @Test func `a model is what its headers say`() throws {
    let model = try Model(source)
    #expect(model.container == .huggingFace && model.isKnown && model.architecture == "qwen3_5")
    #expect(model.parameterCount == model.tensors.reduce(0) { $0 + UInt64($1.shape.reduce(1, *)) })
    #expect(model.byteCount == model.tensors.reduce(0) { $0 + UInt64($1.byteCount) })
    #expect((16..<16.01).contains(model.bitsPerWeight) && model.tensors.contains { $0.type == .bf16 })
    #expect(WeightType("q4_k")?.name == "Q4_K" && WeightType("q4_9") == nil)
    #expect(WeightType.q8_0.bitsPerWeight == 8.5 && WeightType.q8_0.blockBytes == 34)
    #expect(WeightType.writable.contains(.bf16) && WeightRecipe.names.contains("Q4_K_M"))
  }

  @Test func `errors tell kind, place and remedy`() throws {
    let absent = error { () throws(QuernError) in try Model("/nowhere/model.gguf") }
    #expect(absent?.kind == .missing && absent?.file == "/nowhere/model.gguf")
    let unknown = error { () throws(QuernError) in try WeightRecipe(named: "Q4_K_X") }
    #expect(unknown?.kind == .unsupported && unknown?.message.contains("Q4_K_M") == true)
    let model = try Model(source)
    let folder = try TemporaryFolder()
    let output = OutputOptions(path: folder.file("m.gguf"))
    let poor = error { () throws(QuernError) in
      try model.quantizationPlan(WeightRecipe(named: "IQ1_S"), output: output)
    }
    #expect(poor?.kind == .missing && poor?.remedy == .giveImportance && poor?.tensor != nil)
    #expect(poor?.description.contains("give importance or choose another type") == true)
    let plan = try model.quantizationPlan(WeightRecipe(named: "Q8_0"), output: output)
    try plan.run()
    #expect(error { () throws(QuernError) in try plan.run() }?.remedy == .allowOverwriting)
    let text = EvaluationText(name: "short", "It was")
    let short = error { () throws(QuernError) in try RunnableModel(source).perplexity(on: text) }
    #expect(short?.remedy == .shortenContext && short?.file == "short")
  }

  @Test func `a precision says how activations meet weights`() throws {
    let model = try RunnableModel(source)
    let text = EvaluationText(name: "text", String(decoding: try Fixtures.bytes("text/persuasion.txt"), as: UTF8.self))
    let figures = try ActivationPrecision.allCases.map { precision throws(QuernError) in
      try model.perplexity(on: text, context: 32, windows: 2, precision: precision).value
    }
    #expect(Set(figures).count == ActivationPrecision.allCases.count)
    let rounded = try ModelValidation(
      before: model, after: model, on: [text], context: 32, windows: 2, precision: .deployed)
    let before = try #require(rounded.all.perplexityBefore?.value)
    #expect(rounded.all.divergence.value > 0 && abs(before / figures[0] - 1) < 1e-6)
    let short = try model.answer(to: "It was", isPlain: true, limit: 2, precision: .bf16)
    #expect((1...2).contains(short.tokens.count))
  }

  @Test func `no text of a file acts on a terminal`() throws {
    let hostile = "/nowhere/\(HostileText.text)"
    let absent = try #require(error { () throws(QuernError) in try Model(hostile) })
    #expect(absent.file == hostile)
    #expect(absent.description.unicodeScalars.allSatisfy { !isActive($0) })
    #expect(absent.description.contains("\\u{1b}]0;pwned"))
    let remedy = QuernError.Remedy.leaveOut(HostileText.text)
    #expect(remedy.description.unicodeScalars.allSatisfy { !isActive($0) })
  }

  @Test func `a cancelled run leaves nothing, and cancelled work says so`() async throws {
    let folder = try TemporaryFolder()
    let model = try Model(source)
    let plan = try model.quantizationPlan(WeightRecipe(.q4_0), output: OutputOptions(path: folder.file("m.gguf")))
    #expect(error { () throws(QuernError) in try plan.run(isCancelled: { true }) }?.kind == .cancelled)
    #expect(folder.contents == [])
    let task = Task { () -> QuernError? in
      while !Task.isCancelled { await Task.yield() }
      return error { () throws(QuernError) in try plan.run() }
    }
    task.cancel()
    #expect(await task.value?.kind == .cancelled)
    #expect(folder.contents == [])
    let opened = try RunnableModel(source)
    let late = error { () throws(QuernError) in try opened.answer(to: "It was", isPlain: true, isCancelled: { true }) }
    #expect(late?.kind == .cancelled)
    let judged = error { () throws(QuernError) in
      try ModelValidation(before: opened, after: opened, isCancelled: { true })
    }
    #expect(judged?.kind == .cancelled)
  }

  @Test func `tokens go both ways, and a plan shows what it will do`() throws {
    let tokenizer = try TextTokenizer(source)
    let text = "Sir Walter Elliot, of Kellynch Hall"
    #expect(tokenizer.decode(try tokenizer.encode(text)) == text)
    let recipe = try WeightRecipe(named: "Q4_0").storing(.q8_0, in: "ffn_down")
    #expect(try WeightRecipe(text: recipe.description) == recipe)
    let plan = try Model(source).quantizationPlan(recipe, output: OutputOptions(path: "/tmp/none.gguf"))
    let tensors = plan.outputs[0].tensors
    #expect(tensors.first { $0.name == "blk.0.ffn_down.weight" }?.type == .q8_0)
    #expect(tensors.first { $0.name == "blk.0.ffn_up.weight" }?.type == .q4_0)
    #expect(plan.outputs.count == 2 && plan.bytesOut == plan.outputs.reduce(0) { $0 + $1.byteCount })
  }
}
