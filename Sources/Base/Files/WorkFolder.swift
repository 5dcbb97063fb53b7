import Libc

/// A folder in which a long run keeps what it has done, so that it can go on after whatever stopped it.
///
/// It is held by one run at a time, and only files of the names that are given are ever removed from it.
package final class WorkFolder: Sendable {
  package let path: String
  /// Held for as long as the run lives, which is how a run that is alive is told from a leftover.
  private let lock: Int32

  /// Makes the folder, or takes the one that a stopped run left.
  ///
  /// - Throws: `exists` when it is something else, `inputOutput` when another run works in it or it cannot be made.
  package init(_ path: String) throws(CheckpointError) {
    self.path = path
    if mkdir(path, 0o777) != 0, errno != EEXIST {
      throw CheckpointError(.inputOutput, "the folder cannot be made: \(String(cString: strerror(errno)))", file: path)
    }
    guard FileSystem.isFolder(path) else {
      throw CheckpointError(.exists, "this is not a folder; what is done so far is to be kept here", file: path)
    }
    lock = try Self.lock(path)
  }

  private static let lockName = "lock"

  /// Holds the folder by a file of its own: its files are named under a lock of the folder itself.
  private static func lock(_ path: String) throws(CheckpointError) -> Int32 {
    let file = path + "/" + lockName
    while true {
      let descriptor = retrying { open(file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o666) }
      guard descriptor >= 0 else {
        throw CheckpointError(.inputOutput, "the file cannot be made: \(String(cString: strerror(errno)))", file: file)
      }
      if case .held = FileLock.ask(descriptor) {
        close(descriptor)
        throw CheckpointError(
          .inputOutput, "another run is at work here; let it end, or choose another output", file: path)
      }
      var status = stat()
      // A run that ended in between has removed the file, and the next one makes another.
      if fstat(descriptor, &status) == 0, status.st_nlink > 0 { return descriptor }
      close(descriptor)
    }
  }

  deinit { close(lock) }

  /// Removes files of these names that are there, and then the folder if nothing else is in it.
  package func remove(_ isOurs: (String) -> Bool) throws(CheckpointError) {
    try clear(isOurs)
    unlink(path + "/" + Self.lockName)
    rmdir(path)
  }

  /// Removes files of these names that are there.
  package func clear(_ isOurs: (String) -> Bool) throws(CheckpointError) {
    for name in try FileSystem.names(in: path) where isOurs(name) { unlink(path + "/" + name) }
  }
}
