import Foundation
import TestSupport
import Testing

/// `validate` takes the place of nothing that it reads, and what was asked for is done or refused.
struct ValidateOutputTests {
  private static let model = Fixtures.path("tiny-qwen3.5")

  private func refuse(_ arguments: [String], in folder: TemporaryFolder, _ words: String) throws {
    let before = folder.contents
    let run = try CommandLineRun(
      ["validate", Self.model] + arguments
        + ["--text", Fixtures.path("text/persuasion.txt"), "--windows", "1", "--overwrite"], in: folder.path)
    #expect(run.status == 64 && run.errors.contains(words) && run.output.isEmpty, "\(arguments): \(run.errors)")
    #expect(folder.contents == before)
  }

  @Test func `outputs take the place of nothing that is read`() throws {
    let folder = try TemporaryFolder()
    let made = try CommandLineRun(["quantize", Self.model, "Q8_0", "--output", "q.gguf", "--quiet"], in: folder.path)
    try #require(made.status == 0, "\(made.errors)")
    try FileManager.default.copyItem(
      atPath: Fixtures.path("golden/validate/pictures"), toPath: folder.file("pictures"))
    try FileManager.default.copyItem(
      atPath: folder.file("mmproj-q.gguf"), toPath: folder.file("other.gguf"))
    let words = "this file is read; choose another place"
    try refuse(["q.gguf", "--save-baseline", "q.gguf"], in: folder, words)
    try refuse(["q.gguf", "--save-baseline", "mmproj-q.gguf"], in: folder, words)
    try refuse(["q.gguf,other.gguf", "--save-baseline", "other.gguf"], in: folder, words)
    try FileManager.default.copyItem(atPath: folder.file("pictures/0000.png"), toPath: folder.file("p.html"))
    try refuse(["q.gguf", "--images", "p.html", "--report", "p.html"], in: folder, words)
    // What is new in a folder would be read the next time, and what is there is read now.
    for name in ["captions.json", "r.html"] {
      try refuse(
        ["q.gguf", "--images", "pictures", "--report", "pictures/\(name)"], in: folder,
        "a folder of which every file is read")
    }
  }

  @Test func `a record of one model takes no wishes about others`() throws {
    let folder = try TemporaryFolder()
    for option in [["--max-divergence", "1"], ["--isolate"], ["--images", "x"], ["--min-agreement", "0.5"]] {
      try refuse(["--save-baseline", "b"] + option, in: folder, "\(option[0]) is about a model AFTER; name one.")
    }
  }
}
