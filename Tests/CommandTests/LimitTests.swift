import Foundation
import TestSupport
import Testing

/// Limits of the shell: what a run truly needs is asked for, and where it is not given, one sentence says so.
@Suite(.serialized, .enabled(if: !Work.isSanitized, "a sanitizer's own memory is most of the program's"))
struct LimitTests {
  private let model = Fixtures.path("tiny-qwen3.5")

  private func run(_ limit: String, _ arguments: [String], in folder: TemporaryFolder) throws -> CommandLineRun {
    let words = arguments.map { "'\($0)'" }.joined(separator: " ")
    return try CommandLineRun(shell: "ulimit \(limit); exec $QUERN \(words) --quiet", in: folder.path)
  }

  private func expectOneSentence(_ run: CommandLineRun, _ words: [String], _ comment: String) {
    #expect(run.status == 74, "\(comment): exit \(run.status) \(run.errors)")
    let lines = run.errors.split(separator: "\n")
    #expect(lines.count == 1 && run.errors.hasPrefix("quern: error: "), "\(comment): \(run.errors)")
    for word in words { #expect(run.errors.contains(word), "\(comment): \(run.errors)") }
  }

  #if os(Linux)
    @Test func `sixteen open files are enough for a plain conversion, and six are not`() throws {
      let folder = try TemporaryFolder()
      let enough = try run("-n 16", ["convert", model, "-o", folder.file("m.gguf")], in: folder)
      #expect(enough.status == 0, "\(enough.errors)")
      #expect(folder.contents.filter { !$0.hasPrefix("mmproj-") } == ["m.gguf"])
      let other = try TemporaryFolder()
      for limit in 5...7 {
        let few = try run("-n \(limit)", ["convert", model, "-o", other.file("m.gguf")], in: other)
        expectOneSentence(few, ["ulimit -n"], "\(limit) files")
        #expect(!few.errors.contains("--split-size") && other.contents == [])
      }
    }

    /// Whatever the limit, no signal: the loader refuses, or the program says what it would need, or the work is done.
    @Test func `a limit on address space ends in a sentence`() throws {
      let folder = try TemporaryFolder()
      let source = folder.file("in.gguf")
      try #require(try run("-n 64", ["convert", model, "--no-vision", "-o", source], in: folder).status == 0)
      let text = Fixtures.path("text/persuasion.txt")
      let commands = [
        ["convert", model, "-o", folder.file("m.gguf"), "--overwrite"],
        ["quantize", model, "Q8_0", "-o", folder.file("q.gguf"), "--overwrite"],
        ["evaluate", source, "--text", text, "--windows", "1", "--context", "64"],
        ["generate", source, "--prompt", "Anne", "--tokens", "2"],
        ["show", source],
      ]
      var refused = 0
      for mebibytes in [32, 40, 48, 60, 80, 120, 400] {
        for command in commands {
          let run = try run("-v \(mebibytes << 10)", command + ["--threads", "2"], in: folder)
          let comment = "\(command[0]) in \(mebibytes) MiB"
          // Before the program begins, the loader and the runtime take what they need.
          if run.status == 127, run.errors.contains("error while loading shared libraries") { continue }
          if run.status == 0 { continue }
          expectOneSentence(run, ["ulimit -v"], comment)
          refused += 1
        }
      }
      #expect(refused > 0, "no limit was too low")
      #expect(!folder.contents.contains { $0.hasPrefix(".") }, "\(folder.contents)")
    }
  #endif
}
