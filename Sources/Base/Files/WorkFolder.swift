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
  /// - Throws: `exists` when another run works in it or it is something else, `inputOutput` when it cannot be made.
  package init(_ path: String) throws(CheckpointError) {
    self.path = path
    if mkdir(path, 0o777) != 0, errno != EEXIST {
      throw CheckpointError(.inputOutput, "the folder cannot be made: \(String(cString: strerror(errno)))", file: path)
    }
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw CheckpointError(.exists, "this is not a folder; what is done so far is to be kept here", file: path)
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw CheckpointError(.exists, "another run is at work here; let it end, or choose another output", file: path)
    }
    lock = descriptor
  }

  deinit { close(lock) }

  /// Removes files of these names that are there, and then the folder if nothing else is in it.
  package func remove(_ isOurs: (String) -> Bool) throws(CheckpointError) {
    try clear(isOurs)
    rmdir(path)
  }

  /// Removes files of these names that are there.
  package func clear(_ isOurs: (String) -> Bool) throws(CheckpointError) {
    for name in try FileSystem.names(in: path) where isOurs(name) { unlink(path + "/" + name) }
  }
}
