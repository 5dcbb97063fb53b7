import Foundation
import Base
import TestSupport

/// A folder whose files are replaced at every input; `make fuzz` keeps it in memory (`TMPDIR`).
final class FuzzFolder {
  private let folder: TemporaryFolder
  private var handles: [String: FileHandle] = [:]

  init() throws { folder = try TemporaryFolder() }

  var path: String { folder.path }

  func file(_ name: String) -> String { folder.file(name) }

  /// Puts bytes into a file, in place: a new file for each input would cost more than reading it.
  func put(_ name: String, _ bytes: [UInt8]) throws {
    if handles[name] == nil {
      try FileManager.default.createDirectory(
        at: URL(filePath: file(name)).deletingLastPathComponent(), withIntermediateDirectories: true)
      _ = FileManager.default.createFile(atPath: file(name), contents: nil)
      handles[name] = FileHandle(forUpdatingAtPath: file(name))
    }
    guard let handle = handles[name] else { throw FuzzFault("the working folder cannot be written") }
    try handle.truncate(atOffset: 0)
    try handle.seek(toOffset: 0)
    try handle.write(contentsOf: bytes)
  }

  /// Removes a file or folder, if it is there.
  func remove(_ name: String) { try? FileManager.default.removeItem(atPath: file(name)) }
}

/// Where seeds come from.
enum Seeds {
  /// The files below a fixture folder whose names end so.
  static func fixtures(_ folder: String, ending suffix: String = "") throws -> [[UInt8]] {
    let root = Fixtures.path(folder)
    let names = (FileManager.default.enumerator(atPath: root)?.allObjects ?? []).compactMap { $0 as? String }
    return try names.sorted().filter { $0.hasSuffix(suffix) && FileSystem.isFile(root + "/" + $0) }
      .map { try FileSystem.read(root + "/" + $0) }
  }
}
