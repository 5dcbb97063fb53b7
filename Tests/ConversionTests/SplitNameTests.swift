import Architectures
import Base
import Containers
import Conversion
import Quants
import Runtime
import TestSupport
import Testing
import Tokenizers

/// GGUFs that do not say by which pattern text is cut: 202 was measured where 136 is right.
struct SplitNameTests {
  private let folder: TemporaryFolder
  private let text = "Anne couldn't say 1815;  Sir Walter's  naïve répliques!\n\n\tEnd."

  init() throws {
    folder = try TemporaryFolder()
    var options = into(folder, .convert(to: .bf16), "whole")
    options.vision = false
    try convert(tinyModel, options)
  }

  private func written(_ name: String, _ change: (inout Metadata) -> Void) throws -> String {
    try alterGGUF(folder.file("whole.gguf"), to: folder.file(name)) { metadata in
      metadata.removeAll(prefix: "quern.")
      change(&metadata)
    }
    return folder.file(name)
  }

  @Test func `the family's pattern is taken, and told`() throws {
    let silent = try written("silent.gguf") { $0["tokenizer.ggml.pre"] = nil }
    let opened = try OpenedModel(silent)
    #expect(opened.notes.count == 1)
    #expect(opened.notes.first?.contains("tokenizer.ggml.pre is missing") == true)
    #expect(opened.notes.first?.hasSuffix("the pattern of its family is taken, qwen35") == true)
    let expected = try OpenedModel(tinyModel).tokenizer.encode(text)
    #expect(try opened.tokenizer.encode(text) == expected)
    let run = try CommandLineRun(["tokenize", silent, "--text", text])
    #expect(run.output == expected.map(String.init).joined(separator: " ") + "\n" && run.errors.contains("qwen35"))
    // One that says it has no note, and one that carries its tokenizer.json neither.
    #expect(try OpenedModel(written("said.gguf") { _ in }).notes == [])
    try alterGGUF(folder.file("whole.gguf"), to: folder.file("carried.gguf")) { $0["tokenizer.ggml.pre"] = nil }
    #expect(try OpenedModel(folder.file("carried.gguf")).notes == [])
  }

  @Test func `an empty name is none, and a stopgap is told`() throws {
    let empty = try OpenedModel(written("empty.gguf") { $0["tokenizer.ggml.pre"] = .string("") })
    #expect(empty.notes.first?.contains("tokenizer.ggml.pre is missing") == true)
    #expect(try empty.tokenizer.encode(text) == OpenedModel(tinyModel).tokenizer.encode(text))
    let stopgap = try OpenedModel(written("stopgap.gguf") { $0["tokenizer.ggml.pre"] = .string("default") })
    #expect(
      stopgap.notes.first?.hasPrefix("tokenizer.ggml.pre is \"default\"") == true
        && stopgap.notes.first?.contains("its family has qwen35") == true, "\(stopgap.notes)")
  }

  @Test func `a copy says what its source left out, and so does a folder`() throws {
    let silent = try written("silent.gguf") { $0["tokenizer.ggml.pre"] = nil }
    let plan = try Conversion.plan(source: silent, options: into(folder, .convert(to: nil), "copy"))
    #expect(plan.notes.contains { $0.contains("qwen35") })
    _ = try plan.run(threads: 2)
    #expect(try Containers.open(folder.file("copy.gguf")).metadata.string("tokenizer.ggml.pre") == "qwen35")
    var options = ConversionOptions.convert(to: nil)
    options.target = .safetensors
    options.output = folder.file("back")
    let back = try Conversion.plan(source: silent, options: options)
    #expect(back.notes.contains { $0.contains("the pattern of its family is taken, qwen35") }, "\(back.notes)")
    _ = try back.run(threads: 2)
    #expect(
      try OpenedModel(folder.file("back")).tokenizer.encode(text) == OpenedModel(tinyModel).tokenizer.encode(text))
  }

  @Test func `of an unknown family nothing is assumed, and that is told`() throws {
    let odd = try written("odd.gguf") { metadata in
      metadata["tokenizer.ggml.pre"] = nil
      metadata["general.architecture"] = .string("odd")
    }
    let plan = try Conversion.plan(source: odd, options: into(folder, .convert(to: .f16), "out"))
    #expect(plan.notes.contains { $0.contains("for the architecture odd no pattern is known") }, "\(plan.notes)")
    #expect(try TokenizerSource.open(odd).notes.count == 1)
  }
}
