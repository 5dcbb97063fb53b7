import Base
import Foundation
import TestSupport
import Testing

/// `--precision` through the binary.
struct PrecisionTests {
  private static let model = Fixtures.path("tiny-qwen3.5")
  private static let text = Fixtures.path("text/persuasion.txt")
  private static let evaluation = ["evaluate", model, "--text", text, "--context", "32", "--windows", "2"]

  @Test func `every precision is another figure, and the result says which`() throws {
    var figures: Set<Double> = []
    for precision in ["exact", "bf16", "deployed"] {
      let run = try CommandLineRun(Self.evaluation + ["--precision", precision, "--json", "--quiet"]).json()
      #expect(run["precision"]?.stringValue == precision)
      #expect(run["kernels"]?.stringValue?.isEmpty == false)
      figures.insert(try #require(run["perplexity"]?.doubleValue))
    }
    // The weights are BF16, for which llama.cpp rounds to bfloat16 too; keys and values are rounded otherwise.
    #expect(figures.count == 3)
    let usual = try CommandLineRun(Self.evaluation + ["--json", "--quiet"]).json()
    #expect(usual["precision"]?.stringValue == "exact")
    let words = try CommandLineRun(Self.evaluation + ["--precision", "bf16", "--quiet"])
    #expect(words.output.contains("precision bf16, kernels "), "\(words.output)")
  }

  @Test(arguments: ["evaluate", "validate", "generate", "trace"])
  func `a precision there is not is refused with those there are`(command: String) throws {
    let arguments: [String: [String]] = [
      "evaluate": ["--text", Self.text], "validate": [Self.model], "generate": ["--prompt", "Hi"],
      "trace": ["--prompt", "Hi", "--output", "/nowhere/trace.safetensors"],
    ]
    let run = try CommandLineRun([command, Self.model] + (arguments[command] ?? []) + ["--precision", "half"])
    #expect(run.status == 64 && run.errors.contains("exact"), "\(run.errors)")
    #expect(run.errors.contains("bf16") && run.errors.contains("deployed"), "\(run.errors)")
    #expect(try CommandLineRun([command, "--help"]).output.contains("--precision"))
  }

  /// The model before is exact, so that a file against itself shows what the rounding of activations does.
  @Test func `validate rounds in the models after`() throws {
    let folder = try TemporaryFolder()
    let report = folder.file("report.md")
    let arguments = [
      "validate", Self.model, Self.model, "--text", Self.text, "--context", "32", "--windows", "3", "--no-images",
      "--quiet",
    ]
    let exact = try CommandLineRun(arguments + ["--json"]).json()
    #expect(exact["precision"]?.stringValue == "exact")
    #expect(exact["after"]?.arrayValue?.first?["kl_divergence"]?["value"]?.doubleValue == 0)
    let deployed = try CommandLineRun(arguments + ["--precision", "deployed", "--json", "--report", report]).json()
    #expect(deployed["precision"]?.stringValue == "deployed" && deployed["kernels"]?.stringValue != nil)
    let divergence = try #require(deployed["after"]?.arrayValue?.first?["kl_divergence"]?["value"]?.doubleValue)
    #expect(divergence > 0 && divergence < 0.01)
    #expect(deployed["before"]?["perplexity"] == exact["before"]?["perplexity"])
    #expect(try String(contentsOfFile: report, encoding: .utf8).contains("Precision deployed: "))
    let words = try CommandLineRun(arguments + ["--precision", "deployed"])
    #expect(words.output.contains("Precision deployed: "), "\(words.output)")
  }

  @Test func `answers, traces and calibrations say how they were computed`() throws {
    let folder = try TemporaryFolder()
    let answer = try CommandLineRun([
      "generate", Self.model, "--prompt", "It was", "--raw", "--tokens", "2", "--precision", "deployed", "--json",
    ]).json()
    #expect(answer["precision"]?.stringValue == "deployed" && answer["kernels"]?.stringValue != nil)
    let trace = try CommandLineRun([
      "trace", Self.model, "--prompt", "It was", "--raw", "--output", folder.file("t.safetensors"), "--json",
      "--precision", "bf16",
    ]).json()
    #expect(trace["precision"]?.stringValue == "bf16" && trace["kernels"] == answer["kernels"])
    let calibration = try CommandLineRun([
      "calibrate", Self.model, "--text", Self.text, "--context", "32", "--windows", "1", "--importance-only",
      "--output",
      folder.file("c.gguf"), "--json", "--quiet",
    ]).json()
    #expect(calibration["precision"]?.stringValue == "exact" && calibration["kernels"] == answer["kernels"])
  }
}
