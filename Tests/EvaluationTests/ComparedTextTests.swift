import Foundation
import Base
import TestSupport
import Testing

/// What `validate` reads: built-in texts, folders, and files that are not texts.
@Suite struct ComparedTextTests {
  private let model = Fixtures.path("tiny-qwen3.5")

  @Test func `without texts the built-in ones are read`() throws {
    let run = try CommandLineRun(["validate", model, model, "--windows", "2", "--json", "--no-images"])
    try #require(run.status == 0, "\(run.errors)")
    let texts = try #require(try run.json()["texts"]?.arrayValue)
    #expect(
      texts.map { $0["name"]?.stringValue } == [
        "prose", "dialogue", "code", "mathematics", "tool calls", "German", "French", "Russian", "Chinese", "Arabic",
      ])
    #expect(texts.allSatisfy { $0["context"]?.intValue == 128 && $0["windows"]?.intValue == 2 })
    let hashes = texts.compactMap { $0["sha256"]?.stringValue }
    // docs/corpus.md names them, so that figures of different versions can be told apart.
    let page = try String(contentsOfFile: Fixtures.path("../docs/corpus.md"), encoding: .utf8)
    for hash in hashes { #expect(page.contains(hash), "\(hash)") }
    let after = try #require(try run.json()["after"]?.arrayValue?.first)
    #expect(after["kl_divergence"]?["value"]?.doubleValue == 0 && after["correlation"]?.doubleValue == 1)
    #expect(after["first_difference"]?["identical_after"]?["48"]?.doubleValue == 1)
  }

  @Test func `of a folder texts are read, and what is none is left out with a note`() throws {
    let folder = try TemporaryFolder()
    let text = Array(try Fixtures.bytes("text/persuasion.txt").prefix(6000))
    func write(_ name: String, _ bytes: [UInt8]) throws {
      try Data(bytes).write(to: URL(filePath: folder.file(name)))
    }
    try write("a.txt", [0xEF, 0xBB, 0xBF] + text)
    try write("b.png", [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + text)
    try write("c.txt", [])
    try write("d.txt", Array("version https://git-lfs.github.com/spec/v1\noid sha256:00\n".utf8))
    try write("e.bin", text + [0])
    let arguments = ["validate", model, model, "--context", "64", "--windows", "2", "--quiet", "--no-images", "--text"]
    let run = try CommandLineRun(arguments + [folder.path, "--json"])
    try #require(run.status == 0, "\(run.errors)")
    let texts = try #require(try run.json()["texts"]?.arrayValue)
    #expect(texts.count == 1)
    for words in [
      "a.txt: the byte-order mark at the beginning is left out", "b.png: this is not UTF-8 text; it is left out",
      "c.txt: this is empty", "d.txt: this is a Git LFS pointer", "e.bin: this is not a text",
    ] {
      #expect(run.errors.contains(words), "\(words): \(run.errors)")
    }
    // The mark is none of the text.
    #expect(texts[0]["sha256"]?.stringValue == text.withUnsafeBytes { SHA256Hash.hash($0) })
    // A file that was named is read, whatever it is, and what it seems to be is told.
    let named = try CommandLineRun(arguments + [folder.file("b.png")])
    #expect(named.status == 0 && named.errors.contains("this is not UTF-8; it is scored as bytes"), "\(named.errors)")
    let wide = text.flatMap { [$0, UInt8(0)] }
    try write("wide.txt", wide)
    let told = try CommandLineRun(arguments + [folder.file("wide.txt")])
    #expect(told.errors.contains("this text is UTF-16; save it as UTF-8"), "\(told.errors)")
  }
}
