import Libc

/// Locks that tell a run that is alive from what a killed one left.
package enum FileLock {
  /// What came of asking for a lock.
  package enum Answer {
    case taken
    case held
    /// The file system has no locks, or failed: nothing is known about other runs.
    case unknown
  }

  /// Asks for a file's or folder's lock without waiting; it is held until the descriptor is closed.
  package static func ask(_ descriptor: Int32) -> Answer {
    guard retrying({ flock(descriptor, LOCK_EX | LOCK_NB) }) != 0 else { return .taken }
    return errno == EWOULDBLOCK ? .held : .unknown
  }
}

/// A turn in naming outputs in some folders: runs that name files in the same folder do so one after the other.
///
/// It lasts milliseconds. A lock that another program holds on the folder for longer is not waited for: names
/// are given in steps that are safe without the turn, and only a run that loses a race then says so and fails.
final class NamingTurn {
  private var handles: [Int32] = []

  init(in folders: Set<String>) {
    var patience = 400
    // In one order everywhere, so that two runs do not wait for each other.
    for folder in folders.map({ BinaryString($0) }).sorted().map(\.text) {
      let handle = retrying { open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
      guard handle >= 0 else { continue }
      handles.append(handle)
      while patience > 0, case .held = FileLock.ask(handle) {
        patience -= 1
        usleep(5_000)
      }
    }
  }

  deinit { for handle in handles { close(handle) } }
}

/// The sentence of a run that meets another one at its output.
package func anotherRun(_ path: String) -> CheckpointError {
  CheckpointError(.inputOutput, "another run is writing this output now", file: path)
}
