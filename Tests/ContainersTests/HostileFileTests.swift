import Containers
import Base
import TestSupport
import Testing

/// Every file of `fixtures/hostile` has to be refused with the words that name the rule it breaks.
@Suite struct HostileFileTests {
  struct Exhibit: Sendable, CustomTestStringConvertible {
    let file: String
    let rule: String
    let words: String
    let stage: String
    var testDescription: String { file }
  }

  static let exhibits: [Exhibit] = {
    let manifest = (try? Fixtures.json("hostile/manifest.json"))?.arrayValue ?? []
    return manifest.map { item in
      Exhibit(
        file: item["file"]?.stringValue ?? "", rule: item["rule"]?.stringValue ?? "",
        words: item["words"]?.stringValue ?? "", stage: item["stage"]?.stringValue ?? "")
    }
  }()

  @Test func `The museum has at least sixty exhibits, each with its rule`() {
    #expect(Self.exhibits.count >= 60)
    for exhibit in Self.exhibits {
      #expect(!exhibit.rule.isEmpty && !exhibit.words.isEmpty, "\(exhibit.file)")
      #expect(FileSystem.exists(Fixtures.path("hostile/" + exhibit.file)), "\(exhibit.file)")
    }
  }

  @Test(arguments: exhibits.filter { $0.stage == "open" })
  func `Refused when it is opened`(exhibit: Exhibit) throws {
    let error = #expect(throws: CheckpointError.self) {
      _ = try Containers.open(Fixtures.path("hostile/" + exhibit.file))
    }
    expect(error, exhibit)
  }

  @Test(arguments: exhibits.filter { $0.stage == "data" })
  func `Refused when its weights are used`(exhibit: Exhibit) throws {
    let checkpoint = try Containers.open(Fixtures.path("hostile/" + exhibit.file))
    let error = #expect(throws: CheckpointError.self) {
      try checkpoint.requirePlainWeights()
      for tensor in checkpoint.tensors { _ = try tensor.readFloats() }
    }
    expect(error, exhibit)
  }

  private func expect(_ error: CheckpointError?, _ exhibit: Exhibit) {
    // The path names the rule too and must not count.
    let sentence = (error?.description ?? "").replacing(Fixtures.path("hostile/" + exhibit.file), with: "")
    #expect(sentence.contains(exhibit.words), "\(exhibit.file), \(exhibit.rule): \(sentence)")
    #expect(error?.isOfInput == true, "\(sentence)")
    #expect(error?.file != nil, "\(sentence)")
    #expect(!sentence.contains("\n"), "\(sentence)")
  }

  @Test func `Names that differ only in Unicode form are two names`() throws {
    let folder = try TemporaryFolder()
    let header =
      #"{"é":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"é":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#
    let text = Array(header.utf8)
    var file: [UInt8] = [UInt8(text.count), 0, 0, 0, 0, 0, 0, 0] + text + [7, 8]
    // The second name becomes e with a combining accent.
    file = try replaceSecond(file)
    let writer = try AtomicWriter(path: folder.file("two"))
    try writer.write(file)
    try writer.finish()
    let checkpoint = try Containers.open(folder.file("two"))
    #expect(checkpoint.tensors.count == 2)
    #expect(checkpoint["é"] != nil)
    #expect(checkpoint["e\u{301}"] != nil)
  }

  private func replaceSecond(_ file: [UInt8]) throws -> [UInt8] {
    let accent = Array("é".utf8)
    let first = try #require(file.firstRange(of: accent))
    let rest = file[first.upperBound...]
    let second = try #require(rest.firstRange(of: accent))
    var result = file
    result.replaceSubrange(second, with: Array("e\u{301}".utf8))
    result[0] += 1
    return result
  }
}
