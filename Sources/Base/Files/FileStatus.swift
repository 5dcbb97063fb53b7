import Libc

/// What stands under a name, asked once: an answer that the system does not give is an error and no absence.
package struct FileStatus: Sendable {
  /// What a name can be that of.
  package enum Kind: Sendable {
    case file
    case folder
    case link
    /// A pipe, a socket, a device.
    case other
  }

  package let identity: FileIdentity
  package let kind: Kind

  /// What a path leads to; nil where there is nothing, a link that leads nowhere included.
  ///
  /// - Throws: `inputOutput` when the system does not tell, for example for lack of permission.
  package init?(of path: String) throws(CheckpointError) {
    var status = stat()
    try self.init(stat(path, &status), status, path)
  }

  /// What stands under a name itself, be it a link; nil where there is nothing.
  ///
  /// - Throws: `inputOutput` when the system does not tell.
  package init?(entry path: String) throws(CheckpointError) {
    var status = stat()
    try self.init(lstat(path, &status), status, path)
  }

  /// What the system answered.
  private init?(_ answer: Int32, _ status: stat, _ path: String) throws(CheckpointError) {
    guard answer == 0 else {
      guard Self.absences.contains(errno) else { throw systemFailure("looking it up", path) }
      return nil
    }
    identity = FileIdentity(status)
    kind =
      switch status.st_mode & S_IFMT {
      case S_IFREG: .file
      case S_IFDIR: .folder
      case S_IFLNK: .link
      default: .other
      }
  }

  /// What the system says of a name that is not there: one that is too long or goes through a file names nothing, and links in a
  /// circle lead nowhere.
  private static let absences: Set<Int32> = [ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP]
}
