import Foundation
import Base
import TestSupport
import Testing

/// Names given and exchanged: every step, and every state in which a killed run can leave them.
struct NamesTests {
  private func write(_ text: String, _ path: String) throws { try Data(text.utf8).write(to: URL(filePath: path)) }
  private func read(_ path: String) -> String? {
    (try? Data(contentsOf: URL(filePath: path))).map { String(decoding: $0, as: UTF8.self) }
  }
  private func makeFolder(_ path: String) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  @Test(arguments: [true, false])
  func `files and folders are exchanged, in one step or in several`(inOne: Bool) throws {
    let folder = try TemporaryFolder()
    let exchange = inOne ? Names.exchange : Names.exchangeInSteps
    try write("new", folder.file(".a.partial"))
    try write("old", folder.file("a"))
    #expect(exchange(folder.file(".a.partial"), folder.file("a")) == 0)
    #expect(read(folder.file("a")) == "new" && read(folder.file(".a.partial")) == "old")
    try makeFolder(folder.file("in/side"))
    try makeFolder(folder.file("b"))
    try write("here", folder.file("in/side/x"))
    #expect(exchange(folder.file("in/side"), folder.file("b")) == 0)
    #expect(read(folder.file("b/x")) == "here")
    // A link that stands for a folder, and the folder.
    try FileManager.default.createSymbolicLink(atPath: folder.file("in/link"), withDestinationPath: "nowhere")
    #expect(exchange(folder.file("b"), folder.file("in/link")) == 0)
    #expect(read(folder.file("in/link/x")) == "here")
    #expect(Names.target(ofLink: folder.file("b")) == "nowhere")
    #expect(folder.contents == [".a.partial", "a", "b", "in"])
    #expect(exchange(folder.file("none"), folder.file("a")) == ENOENT)
    #expect(read(folder.file("a")) == "new")
    #expect(folder.contents == [".a.partial", "a", "b", "in"])
  }

  @Test func `an exchange that was cut in two is mended`() throws {
    let folder = try TemporaryFolder()
    let (hidden, aside, name) = (folder.file(".a.partial"), folder.file(".a.partial.old"), folder.file("a"))
    // Killed when the old one was aside and nothing had the name.
    try makeFolder(aside)
    try makeFolder(hidden)
    try write("old", aside + "/x")
    #expect(Names.mendExchange(hidden, name) == 0)
    #expect(read(name + "/x") == "old" && folder.contents == [".a.partial", "a"])
    // Killed when the new one had the name.
    try FileManager.default.moveItem(atPath: hidden, toPath: aside)
    #expect(Names.mendExchange(hidden, name) == 0)
    #expect(folder.contents == [".a.partial", "a"])
    // Killed when a file had its second name.
    let other = try TemporaryFolder()
    try write("old", other.file("a"))
    #expect(link(other.file("a"), other.file(".a.partial.old")) == 0)
    #expect(Names.mendExchange(other.file(".a.partial"), other.file("a")) == 0)
    #expect(other.contents == ["a"] && read(other.file("a")) == "old")
    #expect(Names.mendExchange(other.file(".a.partial"), other.file("a")) == 0)
  }

  @Test func `a taken name is not given again`() throws {
    let folder = try TemporaryFolder()
    try write("1", folder.file("a"))
    try write("2", folder.file("b"))
    #expect(Names.renameNew(folder.file("a"), folder.file("b")) == EEXIST)
    #expect(read(folder.file("b")) == "2")
    #expect(Names.renameNew(folder.file("a"), folder.file("c")) == 0)
    #expect(folder.contents == ["b", "c"])
  }

  @Test func `hidden names of different outputs differ`() {
    let long = String(repeating: "n", count: 248)
    let names = ["/f/a", "/f/b", "/f/a/x", "/f/b/x", "/f/" + long + ".gguf", "/f/" + long + ".sha"].map {
      AtomicWriter.hiddenName(of: $0, in: "/f")
    }
    #expect(Set(names).count == names.count)
    #expect(names[0] == "/f/.a.partial")
    #expect(names.allSatisfy { $0.dropFirst(3).utf8.count <= 255 && !$0.dropFirst(3).contains("/") })
    #expect(AtomicWriter.hiddenName(of: "a.gguf", in: ".") == "./.a.gguf.partial")
  }

  @Test func `something mounted is known by its name`() {
    #expect(Names.isMount("/proc"))
    #expect(!Names.isMount("/proc/self"))
  }
}

/// All names of a run are given, or none.
struct OutputSetTests {
  /// An output that cannot be named, or not be taken back.
  private final class Stubborn: Output {
    let path = "stubborn"
    let parent: String
    let failsToName: Bool
    init(in parent: String, failsToName: Bool) {
      self.parent = parent
      self.failsToName = failsToName
    }
    func name(keepingOld: Bool) throws(CheckpointError) {
      if failsToName { throw CheckpointError(.inputOutput, "naming failed", file: path) }
    }
    func takeBack() throws(CheckpointError) { throw CheckpointError(.inputOutput, "no way back", file: path) }
    func settle() throws(CheckpointError) {}
  }

  private func writer(_ path: String, _ byte: UInt8) throws -> AtomicWriter {
    let writer = try AtomicWriter(path: path, overwrite: true)
    try writer.write([byte])
    try writer.seal()
    return writer
  }

  private func first(_ path: String) -> UInt8? { (try? InputFile(path: path).readBytes(at: 0, count: 1))?.first }

  @Test func `older files stand again when a later output cannot be named`() throws {
    let folder = try TemporaryFolder()
    try writer(folder.file("a"), 1).commit()
    try writer(folder.file("b"), 2).commit()
    do {
      let outputs: [any Output] = [
        try writer(folder.file("a"), 11), try writer(folder.file("new"), 12), try writer(folder.file("b"), 13),
        Stubborn(in: folder.path, failsToName: true),
      ]
      let error = #expect(throws: CheckpointError.self) { try OutputSet.name(outputs) }
      #expect(error?.message == "naming failed")
    }
    #expect(folder.contents == ["a", "b"])
    #expect(first(folder.file("a")) == 1 && first(folder.file("b")) == 2)
  }

  @Test func `what cannot be taken back is told`() throws {
    let folder = try TemporaryFolder()
    let outputs: [any Output] = [
      Stubborn(in: folder.path, failsToName: false), Stubborn(in: folder.path, failsToName: true),
    ]
    let error = #expect(throws: CheckpointError.self) { try OutputSet.name(outputs) }
    #expect(error?.message.contains("stubborn is new already and could not be taken back: no way back") == true)
  }

  @Test func `several outputs replace older ones and leave nothing else`() throws {
    let folder = try TemporaryFolder()
    for round in 1...2 {
      try OutputSet.name(["a", "b", "c"].map { try writer(folder.file($0), UInt8(round)) })
      #expect(folder.contents == ["a", "b", "c"])
      #expect(["a", "b", "c"].allSatisfy { first(folder.file($0)) == UInt8(round) })
    }
  }

  /// A killed run can leave a hidden name; its file may have the final name too.
  @Test func `what a killed run left under the hidden name is removed`() throws {
    let folder = try TemporaryFolder()
    try writer(folder.file("a"), 1).commit()
    #expect(link(folder.file("a"), folder.file(".a.partial")) == 0)
    let again = try writer(folder.file("a"), 2)
    #expect(first(folder.file("a")) == 1)
    try again.commit()
    #expect(first(folder.file("a")) == 2 && folder.contents == ["a"])
  }

  @Test func `a folder that cannot be synced is told`() throws {
    #expect(throws: CheckpointError.self) { try syncFolder("/nonexistent-folder") }
    let folder = try TemporaryFolder()
    try syncFolder(folder.path)
  }
}
