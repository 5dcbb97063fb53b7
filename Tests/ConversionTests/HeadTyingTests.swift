import Base
import Containers
import Conversion
import Evaluation
import Quants
import Runtime
import TestSupport
import Testing

/// Heads and embedding tables against what config.json says of them, decided as transformers 5.23 decides.
struct HeadTyingTests {
  private let sources: TemporaryFolder

  init() throws { sources = try TemporaryFolder() }

  /// A checkpoint whose flags and head are as given; nil leaves one out.
  struct Case: Sendable, CustomTestStringConvertible {
    var outer: Bool?
    var inner: Bool?
    /// What the head's values are multiplied by.
    var head: Float?
    var isText = false
    /// Whether the output has a head of its own; nil where the checkpoint is refused.
    var expected: Bool?
    var words: String

    var testDescription: String { "\(String(describing: (outer, inner, head, isText)))" }
  }

  static let cases = [
    // Both say tied: a different head stays, an equal one goes.
    Case(outer: true, inner: true, head: 1.5, expected: true, words: "differs from the embedding table"),
    Case(outer: true, inner: true, head: 1, expected: false, words: "equals the embedding table"),
    Case(outer: true, inner: true, head: nil, expected: false, words: ""),
    Case(outer: true, inner: nil, head: 1.5, expected: true, words: "differs from the embedding table"),
    // The outer level counts, and says false where it says nothing.
    Case(outer: false, inner: true, head: 1, expected: true, words: "is false on the outer level"),
    Case(outer: nil, inner: true, head: 1, expected: true, words: "is missing, which means false,"),
    Case(outer: true, inner: false, head: 1, expected: false, words: "is true on the outer level"),
    Case(outer: true, inner: false, head: 1.5, expected: true, words: "differs from the embedding table"),
    Case(outer: false, inner: nil, head: 1.5, expected: true, words: ""),
    // The level of the text counts for a class for text alone.
    Case(outer: false, inner: true, head: 1, isText: true, expected: false, words: "is true on text_config"),
    // Without a head the level that says tied counts; where none does, it is said what to do.
    Case(outer: false, inner: true, head: nil, expected: false, words: "there is no head"),
    Case(outer: nil, inner: true, head: nil, expected: false, words: "there is no head"),
    Case(outer: false, inner: false, head: nil, words: "tie_word_embeddings is false; if the embedding table"),
    Case(outer: nil, inner: nil, head: nil, words: "not set, which means false; if the embedding table"),
  ]

  private func model(_ item: Case) throws -> AlteredModel {
    var model = try AlteredModel()
    model.config["tie_word_embeddings"] = item.outer.map { .bool($0) }
    model.setText("tie_word_embeddings", item.inner.map { .bool($0) })
    if item.isText { model.config["architectures"] = .array([.string("Qwen3_5ForCausalLM")]) }
    if let factor = item.head {
      var head = try #require(model.tensors.first { $0.name.hasSuffix("embed_tokens.weight") })
      head.name = "lm_head.weight"
      if factor != 1 { head.floats = head.floats.map { $0 * factor } }
      model.tensors.append(head)
    }
    return model
  }

  @Test(arguments: cases)
  func `flags and heads are decided as the reference decides`(item: Case) throws {
    let source = try model(item).write(into: sources)
    let folder = try TemporaryFolder()
    guard let expected = item.expected else {
      let error = #expect(throws: CheckpointError.self) {
        try Conversion.plan(source: source, options: .convert(to: nil))
      }
      #expect(error?.code == .missing && error?.message.contains(item.words) == true, "\(error?.description ?? "")")
      #expect(error?.file?.hasSuffix("config.json") == true)
      #expect(throws: CheckpointError.self) { try OpenedModel(source) }
      return
    }
    let plan = try Conversion.plan(source: source, options: into(folder, .convert(to: .bf16)))
    #expect(plan.files[0].tensors.contains { $0.name == "output.weight" } == expected)
    let said = plan.notes.filter { $0.contains("tie") || $0.contains("head") }
    #expect(item.words.isEmpty ? said.isEmpty : said.contains { $0.contains(item.words) }, "\(plan.notes)")
    // The engine asks the same helper.
    let opened = try OpenedModel(source)
    #expect(plan.notes.filter { $0.contains("tie_word") } == opened.notes.filter { $0.contains("tie_word") })
  }

  /// transformers 5.23 says 426.8251 for eight windows of 256 of the beginning of the text, where the folder said 136.0922.
  @Test func `a different head under a tied flag counts in every way a model is used`() throws {
    let source = try model(Self.cases[0]).write(into: sources)
    let folder = try TemporaryFolder()
    var options = into(folder, .convert(to: .bf16))
    options.vision = false
    try convert(source, options)
    let text = Array(try Fixtures.bytes("text/persuasion.txt").prefix(60000))
    for path in [source, folder.file("model.gguf")] {
      let found = try Perplexity.measure(OpenedModel(path), text: text, context: 256, windows: 8, threads: 2)
      #expect(abs(found.perplexity / 426.8251 - 1) < 1e-5, "\(path)")
    }
    // Back in a folder, the configuration says what the tensors say.
    options = .convert(to: nil)
    options.target = .safetensors
    options.output = folder.file("back")
    let plan = try Conversion.plan(source: folder.file("model.gguf"), options: options)
    #expect(plan.notes.contains { $0.contains("tie_word_embeddings is false, as the tensors say") })
    _ = try plan.run(threads: 2)
    let back = try Containers.open(folder.file("back"))
    let config = try #require(back.folder?.config)
    #expect(config["tie_word_embeddings"] == .bool(false) && back["lm_head.weight"] != nil)
    #expect(try OpenedModel(folder.file("back")).notes == [])
  }

  @Test func `a folder with only the head of a tied pair takes it as the table`() throws {
    var model = try AlteredModel()
    model.change("embed_tokens.weight") { $0.name = "lm_head.weight" }
    let folder = try TemporaryFolder()
    let plan = try Conversion.plan(source: try model.write(into: sources), options: into(folder, .convert(to: .bf16)))
    #expect(plan.notes.contains { $0.contains("lm_head.weight serves as both") }, "\(plan.notes)")
    #expect(plan.files[0].tensors.first { $0.name == "token_embd.weight" }?.sources.first?.name == "lm_head.weight")
    #expect(plan.files[0].tensors.allSatisfy { $0.name != "output.weight" })
  }

  @Test func `tables are compared by their numbers, to the last`() throws {
    var model = try AlteredModel()
    let table = try #require(model.tensors.firstIndex { $0.name.hasSuffix("embed_tokens.weight") })
    var head = model.tensors[table]
    head.name = "lm_head.weight"
    let values = head.floats
    // The same numbers in another type, zeros of either sign.
    model.tensors[table].floats = [0] + values.dropFirst()
    head.type = .f32
    head.bytes = [UInt8](repeating: 0, count: values.count * 4)
    head.floats = [-0.0] + values.dropFirst()
    model.tensors.append(head)
    let same = try Containers.open(try model.write(into: sources))
    #expect(try same.tensor(model.tensors[table].name).hasValues(of: same.tensor("lm_head.weight")))
    model.tensors[model.tensors.count - 1].floats[values.count - 1] += 1
    let other = try Containers.open(try model.write(into: sources))
    #expect(try !other.tensor(model.tensors[table].name).hasValues(of: other.tensor("lm_head.weight"), threads: 2))
  }

  @Test func `show says what headers tell, and evaluate what was decided`() throws {
    let different = try model(Self.cases[0]).write(into: sources)
    let shown = try CommandLineRun(["show", different])
    #expect(shown.output.contains("note: tie_word_embeddings is true and there is a head"), "\(shown.output)")
    let run = try CommandLineRun(["generate", different, "--prompt", "Anne", "--raw", "--tokens", "1"])
    #expect(run.status == 0 && run.errors.contains("note: tie_word_embeddings is true, but lm_head.weight differs"))
    let missing = try model(Case(outer: false, inner: false, head: nil, words: "")).write(into: sources)
    #expect(try CommandLineRun(["show", missing]).output.contains("tie_word_embeddings is false and there is no head"))
  }
}
