import Foundation
import TestSupport
import Testing

/// Wrong usage is exit 64 with the way to do it right; what was asked for is never silently left out.
struct UsageTests {
  private static let model = Fixtures.path("tiny-qwen3.5")

  @Test(arguments: [
    (["quantize", model, "Q8_0", "--recipe", "file"], "exclude each other"),
    (
      ["quantize", model, "Q8_0", "--tensor", "x=Q4_9"], "--tensor: there is no type Q4_9 (did you mean Q4_0, Q4_1 or "
    ),
    (["quantize", model, "Q8_0", "--tensor", "(=Q4_0"], "the regular expression ( cannot be used: a group is"),
    (["convert", model, "--type", "i8"], "--type: I8 can only be copied; there are F32, F16,"),
    (
      ["convert", model, "--to", "safetensors", "--vision-type", "f16"],
      "is for a folder whose encoder becomes an mmproj (--vision-type)"
    ),
    (["bench", "--filter", "nothing of that name"], "there are fma peak,"),
  ])
  func `is told with the command's own usage or way out`(arguments: [String], words: String) throws {
    let run = try CommandLineRun(arguments)
    #expect(run.status == 64, "\(run.errors)")
    #expect(run.output.isEmpty)
    #expect(run.errors.contains(words), "\(run.errors)")
    #expect(!run.errors.contains("quern <subcommand>"))
    #expect(
      run.errors.contains("Usage: quern \(arguments[0]) ") || run.errors.hasPrefix("quern: error: "), "\(run.errors)")
  }

  @Test func `kernels that do not exist`() throws {
    let run = try CommandLineRun(["tokenize", Self.model, "--text", "a"], environment: ["QUERN_KERNELS": "foo"])
    #expect(run.status == 64)
    #expect(run.errors.contains("QUERN_KERNELS=foo: this processor runs portable"), "\(run.errors)")
  }

  @Test func `a place for a vision encoder that is not written`() throws {
    let folder = try TemporaryFolder()
    let text = folder.file("text.gguf")
    #expect(try CommandLineRun(["convert", Self.model, "--no-vision", "--output", text, "--quiet"]).status == 0)
    for arguments in [["quantize", text, "Q8_0"], ["convert", text, "--to", "safetensors"]] {
      let run = try CommandLineRun(
        arguments + ["--output", folder.file("out"), "--vision-output", folder.file("mmproj.gguf")])
      #expect(run.status == 64, "\(run.errors)")
      #expect(run.errors.contains("--vision-output is for a folder"), "\(run.errors)")
    }
    #expect(folder.contents == ["text.gguf"])
  }

  @Test func `another model's mmproj in the way of a quantization`() throws {
    let folder = try TemporaryFolder()
    try Data("another".utf8).write(to: URL(filePath: folder.file("mmproj-tiny-qwen3.5-F16.gguf")))
    let run = try CommandLineRun(["quantize", Self.model, "Q8_0", "--quiet"], in: folder.path)
    #expect(run.status == 64)
    #expect(
      run.errors.contains("mmproj-tiny-qwen3.5-F16.gguf: the output already exists; use --overwrite")
        && run.errors.contains("--no-vision") && run.errors.contains("--vision-output"),
      "\(run.errors)")
  }
}
