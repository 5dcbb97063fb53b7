import Foundation
import Base
import TestSupport
import Testing

/// `quantize --validate`: a model is packed and judged in one command.
struct QuantizeProofTests {
  private static let model = Fixtures.path("tiny-qwen3.5")

  @Test func `what was written is compared with its source, and reported`() throws {
    let folder = try TemporaryFolder()
    let run = try CommandLineRun(
      [
        "quantize", Self.model, "Q8_0", "--output", "q.gguf", "--split-size", "4M", "--report", "r.md", "--json",
        "--quiet",
      ],
      in: folder.path)
    try #require(run.status == 0, "\(run.errors)")
    let document = try run.json()
    #expect(folder.contents.count == (document["files"]?.arrayValue?.count ?? 0) + 1 && folder.contents.count > 3)
    let proof = try #require(document["validation"])
    #expect(proof["texts"]?.arrayValue?.count == 10 && proof["pictures"]?.arrayValue?.count == 12)
    let after = try #require(proof["after"]?.arrayValue?.first)
    #expect(after["model"]?.stringValue?.hasPrefix("q-00001-of-") == true && after["passed"]?.boolValue == true)
    // Text models on both sides: the encoder of the folder counts no more than the file beside the GGUF.
    let sizes = try [proof["before"], after].map { try #require($0?["bytes"]?.doubleValue) }
    #expect(sizes[0] / sizes[1] > 1.8 && sizes[0] / sizes[1] < 1.9, "\(sizes)")
    let divergence = try #require(after["kl_divergence"]?["value"]?.doubleValue)
    #expect(divergence > 0 && divergence < 0.002)
    #expect(after["tensors"]?.arrayValue?.count == 181, "text and vision encoder")
    let card = try String(contentsOfFile: folder.file("r.md"), encoding: .utf8)
    #expect(card.contains("fidelity-kld") && card.contains("quern quantize"))
  }

  @Test func `what cannot be proved is refused before anything is written`() throws {
    let folder = try TemporaryFolder()
    try Data("mine".utf8).write(to: URL(filePath: folder.file("r.html")))
    for (options, words) in [
      (["--report", "r.html"], "use --overwrite"), (["--report", "r.txt"], "ends in .html, .md or .json"),
      (["--report", "none/r.html"], "there is no such folder"), (["--validate", "--dry-run"], "nothing to validate"),
    ] {
      let run = try CommandLineRun(["quantize", Self.model, "Q8_0", "--output", "q.gguf"] + options, in: folder.path)
      #expect(run.status != 0 && run.errors.contains(words), "\(run.errors)")
      #expect(folder.contents == ["r.html"], "\(options)")
    }
  }

  @Test func `a source that is replaced cannot be compared any more`() throws {
    let folder = try TemporaryFolder()
    let made = try CommandLineRun(
      ["convert", Self.model, "--output", "m.gguf", "--no-vision", "--quiet"], in: folder.path)
    try #require(made.status == 0, "\(made.errors)")
    let bytes = try Data(contentsOf: URL(filePath: folder.file("m.gguf")))
    let run = try CommandLineRun(
      ["quantize", "m.gguf", "Q4_0", "--output", "m.gguf", "--overwrite", "--validate"], in: folder.path)
    #expect(run.status == 64 && run.errors.contains("this file is read"), "\(run.errors)")
    #expect(try Data(contentsOf: URL(filePath: folder.file("m.gguf"))) == bytes)
  }
}
