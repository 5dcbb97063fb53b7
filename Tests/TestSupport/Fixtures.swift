import Foundation
import Base

/// Where the files with known answers lie.
package enum Fixtures {
  /// The `fixtures/` folder of this checkout.
  package static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "fixtures").path

  /// The path of a fixture, for example `tiny-qwen3.5/config.json`.
  package static func path(_ name: String) -> String { folder + "/" + name }

  /// The bytes of a fixture.
  package static func bytes(_ name: String) throws -> [UInt8] {
    let file = try InputFile(path: path(name))
    return try file.readBytes(at: 0, count: Int(file.size))
  }

  /// A fixture parsed as JSON.
  package static func json(_ name: String) throws -> OrderedJSON {
    try OrderedJSON(parsing: try bytes(name), file: name)
  }
}

/// A folder that is gone when the test is over.
package final class TemporaryFolder: Sendable {
  /// Its path.
  package let path: String

  /// Makes an empty folder.
  package init() throws {
    path = NSTemporaryDirectory() + "quern-test-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// A path inside it.
  package func file(_ name: String) -> String { path + "/" + name }

  /// The names of what it holds, hidden files too, sorted.
  package var contents: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}
