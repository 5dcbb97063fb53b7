import Base
import Foundation
import TestSupport
import Testing

/// The folder that a long run keeps its work in.
struct WorkFolderTests {
  @Test func `one run at a time has it`() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("work")
    var first: WorkFolder? = try WorkFolder(path)
    let error = #expect(throws: CheckpointError.self) { _ = try WorkFolder(path) }
    #expect(error?.code == .inputOutput && error?.message.contains("another run is at work here") == true)
    _ = first
    first = nil
    try WorkFolder(path).remove { _ in false }
    #expect(folder.contents == [])
  }

  /// Outputs are named under a lock of their folder, which a run must not wait for when the folder is its own.
  @Test func `files can be named in it while it is held`() throws {
    let folder = try TemporaryFolder()
    let work = try WorkFolder(folder.file("work"))
    let handle = open(work.path, O_RDONLY | O_DIRECTORY)
    defer { close(handle) }
    let answer = FileLock.ask(handle)
    guard case .taken = answer else {
      Issue.record("the folder's own lock is \(answer)")
      return
    }
  }

  @Test func `what is not a folder stays`() throws {
    let folder = try TemporaryFolder()
    try Data([1]).write(to: URL(fileURLWithPath: folder.file("work")))
    let error = #expect(throws: CheckpointError.self) { _ = try WorkFolder(folder.file("work")) }
    #expect(error?.code == .exists)
    #expect(folder.contents == ["work"])
  }

  @Test func `only files of the run's own names are removed`() throws {
    let folder = try TemporaryFolder()
    let work = try WorkFolder(folder.file("work"))
    for name in ["ours", "theirs"] { try Data([1]).write(to: URL(fileURLWithPath: work.path + "/" + name)) }
    try work.remove { $0 == "ours" }
    #expect(try FileSystem.names(in: work.path) == ["theirs"])
  }
}
