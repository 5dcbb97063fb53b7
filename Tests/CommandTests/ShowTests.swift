import Base
import TestSupport
import Testing

struct ShowTests {
  @Test func `prints one JSON document with the keys of the contract`() throws {
    let run = try CommandLineRun(["show", Fixtures.path("tiny-qwen3.5"), "--json"])
    #expect(run.status == 0)
    #expect(run.errors.isEmpty)
    let document = try run.json()
    #expect(document["format"] == .string("huggingface"))
    #expect(document["parameters"] == .integer(8_238_000))
    let tensors = try #require(document["tensors"]?.arrayValue)
    #expect(tensors.count == 180)
    let embedding = try #require(
      tensors.first { $0["name"]?.stringValue == "model.language_model.embed_tokens.weight" })
    #expect(embedding["type"] == .string("BF16"))
    #expect(embedding["shape"] == .array([.integer(4096), .integer(256)]))
    #expect(embedding["bytes"] == .integer(4096 * 256 * 2))
  }

  @Test func `lists tensors for a reader`() throws {
    let run = try CommandLineRun(["show", Fixtures.path("tiny-qwen3.5"), "--tensors"])
    #expect(run.status == 0)
    #expect(run.output.contains("180 tensors, 8,238,000 parameters"))
    #expect(run.output.contains("mtp.fc.weight"))
  }

  @Test(arguments: [
    (["show", "no-such-file"], Int32(2), "no-such-file: there is no such file or folder"),
    (["show", ""], 2, "'': there is no such file or folder"),
    (["show", "fixtures/README.md"], 2, "neither GGUF (no magic) nor safetensors"),
    (["show"], 64, "Missing expected argument"),
    (["show", "x", "--threads", "0"], 64, "between 1 and 1024"),
    (["grind"], 64, "grind"),
    (["convert", "fixtures/tiny-qwen3.5", "--type", "iq2_xxs", "--dry-run"], 2, "IQ2_XXS needs importance"),
    (["quantize", "fixtures/tiny-qwen3.5"], 64, "name a recipe, or give one as --recipe FILE"),
    (["quantize", "fixtures/tiny-qwen3.5", "Q4_9"], 64, "there is no recipe Q4_9 (did you mean "),
    (["quantize", "fixtures/tiny-qwen3.5", "IQ2_M", "--dry-run"], 2, "IQ2_S needs importance"),
  ])
  func `ends with one sentence and the right code`(arguments: [String], status: Int32, words: String) throws {
    let run = try CommandLineRun(arguments, in: CommandLineRun.root)
    #expect(run.status == status)
    #expect(run.output.isEmpty)
    #expect(run.errors.contains(words), "\(run.errors)")
  }

  @Test(arguments: ["show", "convert", "quantize", "evaluate", "generate", "trace", "tokenize", "bench"])
  func `every command of the contract explains itself`(command: String) throws {
    let run = try CommandLineRun([command, "--help"])
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.contains("USAGE: quern \(command)"))
    #expect(run.output.contains("--json") && run.output.contains("--quiet") && run.output.contains("--threads"))
  }

  @Test func `measures a kernel`() throws {
    let run = try CommandLineRun(["bench", "--filter", "fma peak", "--threads", "1", "--json", "--quiet"])
    #expect(run.status == 0, "\(run.errors)")
    #expect(try run.json()["rows"]?.arrayValue?.first?["unit"] == .string("GFLOP/s"))
  }

  @Test func `tells its version`() throws {
    let run = try CommandLineRun(["--version"])
    #expect(run.status == 0)
    #expect(run.output == quernVersion + "\n")
  }
}
