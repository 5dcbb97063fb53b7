import Libc

/// A folder for what is needed during a run only, in the system's place for such things; gone with the object.
package final class TemporaryPlace: Sendable {
  package let path: String

  /// Makes an empty folder.
  ///
  /// - Throws: `inputOutput` when it cannot be made.
  package init() throws(CheckpointError) {
    let parent = FileSystem.environment("TMPDIR").flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
    var template = Array((parent + "/quern-XXXXXX").utf8CString)
    let made = template.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
    }
    guard let made else {
      throw CheckpointError(
        .inputOutput, "no temporary folder can be made: \(String(cString: strerror(errno)))", file: parent)
    }
    path = made
  }

  deinit {
    for name in (try? FileSystem.names(in: path)) ?? [] { unlink(path + "/" + name) }
    rmdir(path)
  }
}
