import Foundation
import Base
import TestSupport
import Testing

/// The museum of hostile files through the binary: exit 2 and one sentence, never a crash.
@Suite struct HostileCommandTests {
  /// Exhibits by the stage that has to notice them.
  static func exhibits(_ stages: [String]) -> [(file: String, words: String)] {
    let manifest = (try? Fixtures.json("hostile/manifest.json"))?.arrayValue ?? []
    return manifest.compactMap { item in
      guard let file = item["file"]?.stringValue, let words = item["words"]?.stringValue,
        let stage = item["stage"]?.stringValue, stages.contains(stage)
      else { return nil }
      return (Fixtures.path("hostile/" + file), words)
    }
  }

  private func expectRefused(_ arguments: [String], words: String, _ file: String) throws {
    let run = try CommandLineRun(arguments)
    #expect(run.status == 2, "\(arguments[0]) \(file): exit \(run.status): \(run.errors)")
    #expect(run.output.isEmpty, "\(arguments[0]) \(file)")
    // The path names the rule too and must not count.
    let sentence = run.errors.replacing(file, with: "")
    #expect(
      sentence.localizedCaseInsensitiveContains(words), "\(arguments[0]) \(file) should say \(words): \(run.errors)")
  }

  @Test func `show refuses what breaks a format`() throws {
    for (file, words) in Self.exhibits(["open"]) { try expectRefused(["show", file], words: words, file) }
  }

  @Test func `convert refuses all of them and writes nothing`() throws {
    let folder = try TemporaryFolder()
    for (file, words) in Self.exhibits(["open", "data", "model"]) {
      try expectRefused(["convert", file, "--output", folder.file("out.gguf")], words: words, file)
    }
    #expect(folder.contents.isEmpty)
  }

  /// Whether blocks are copied, decoded, moved into another container or looked at for a lossless type.
  @Test(arguments: [
    ["--type", "f32"], ["--type", "bf16"], ["--type", "f16"], ["--type", "q8_0"], ["--type", "q4_0"],
    ["--to", "safetensors"], ["--to", "safetensors", "--type", "f32"], ["--split-size", "20K"],
  ])
  func `a scale that is not a number is refused on every way`(options: [String]) throws {
    let folder = try TemporaryFolder()
    let scales = Self.exhibits(["data"]).filter { $0.words.contains("is not a finite number") }
    #expect(scales.count == 2)
    for (file, words) in scales {
      try expectRefused(["convert", file, "--output", folder.file("out")] + options, words: words, file)
    }
    #expect(folder.contents.isEmpty)
  }

  @Test func `tokenize refuses tokenizers that contradict themselves`() throws {
    for (file, words) in Self.exhibits(["tokenizer"]) {
      try expectRefused(["tokenize", file, "--text", "ab"], words: words, file)
    }
  }

  @Test func `show still shows packed weights`() throws {
    for (file, _) in Self.exhibits(["data"]) {
      let run = try CommandLineRun(["show", file])
      #expect(run.status == 0, "\(file): \(run.errors)")
    }
  }
}
