import Libc

/// What a file is to the file system, whatever names it has.
package struct FileIdentity: Hashable, Sendable {
  private let device: UInt64
  private let number: UInt64

  /// What stands under a name itself, be it a link; nil where there is nothing.
  package init?(entry path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    self.init(status)
  }

  /// What is open.
  package init?(descriptor: Int32) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    self.init(status)
  }

  /// Whether what is open stands under a name.
  ///
  /// - Throws: `inputOutput` when the system does not tell, which says nothing of other runs.
  package static func isOpen(_ descriptor: Int32, under path: String) throws(CheckpointError) -> Bool {
    guard let own = FileIdentity(descriptor: descriptor) else { throw systemFailure("looking it up", path) }
    return try FileStatus(entry: path)?.identity == own
  }

  init(_ status: stat) {
    device = UInt64(truncatingIfNeeded: status.st_dev)
    number = UInt64(truncatingIfNeeded: status.st_ino)
  }
}
