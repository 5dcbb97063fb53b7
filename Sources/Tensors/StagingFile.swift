import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The place of a file that is not finished: nameless where the system can do that, a hidden sibling elsewhere.
struct StagingFile {
  /// Open for writing.
  let descriptor: Int32
  /// The final name.
  private let path: String
  private let folder: String
  /// The hidden sibling; nil for a nameless file.
  private let temporary: String?

  /// Opens a staging file beside the final name.
  init(for path: String, in folder: String) throws(CheckpointError) {
    self.path = path
    self.folder = folder
    let mode: mode_t = 0o666
    #if os(Linux)
      // `O_TMPFILE` is a compound macro that Swift does not import.
      let nameless = open(folder, Int32(0o20_000_000) | O_DIRECTORY | O_WRONLY | O_CLOEXEC, mode)
      if nameless >= 0 {
        descriptor = nameless
        temporary = nil
        return
      }
      let failure = errno
      guard [EOPNOTSUPP, EISDIR, EINVAL].contains(failure) else {
        throw systemFailure("creating the output", failure == ENOENT ? folder : path, failure)
      }
    #endif
    let sibling = Self.siblingName(of: path, in: folder)
    let named = open(sibling, O_CREAT | O_WRONLY | O_CLOEXEC, mode)
    guard named >= 0 else { throw systemFailure("creating the output", path) }
    // A leftover of a run that was killed is taken over; the file of a run that is alive is not.
    guard flock(named, LOCK_EX | LOCK_NB) == 0 else {
      close(named)
      throw CheckpointError(.inputOutput, "another run is writing this output now", file: path)
    }
    guard ftruncate(named, 0) == 0 else {
      let failure = systemFailure("creating the output", path)
      close(named)
      throw failure
    }
    descriptor = named
    temporary = sibling
    Interruption.remember(sibling)
  }

  /// Gives the file its final name and makes the name durable.
  func publish(overwrite: Bool) throws(CheckpointError) {
    defer { close(descriptor) }
    if let temporary {
      defer { Interruption.forget(temporary) }
      try move(temporary, overwrite: overwrite)
    } else {
      try publishNameless(overwrite: overwrite)
    }
    let handle = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if handle >= 0 {
      fsync(handle)
      close(handle)
    }
  }

  /// Closes the file and leaves nothing of it.
  func remove() {
    close(descriptor)
    if let temporary {
      unlink(temporary)
      Interruption.forget(temporary)
    }
  }

  private func publishNameless(overwrite: Bool) throws(CheckpointError) {
    let source = "/proc/self/fd/\(descriptor)"
    if linkat(AT_FDCWD, source, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 { return }
    guard errno == EEXIST else { throw systemFailure("naming the output", path) }
    guard overwrite else {
      throw CheckpointError(.exists, "the output already exists; use --overwrite to replace it", file: path)
    }
    let sibling = Self.siblingName(of: path, in: folder)
    unlink(sibling)
    guard linkat(AT_FDCWD, source, AT_FDCWD, sibling, AT_SYMLINK_FOLLOW) == 0 else {
      throw systemFailure("naming the output", path)
    }
    try move(sibling, overwrite: true)
  }

  private func move(_ sibling: String, overwrite: Bool) throws(CheckpointError) {
    if overwrite {
      guard rename(sibling, path) != 0 else { return }
    } else {
      // A hard link refuses a name that was taken meanwhile; `rename` would replace it.
      if link(sibling, path) == 0 {
        unlink(sibling)
        return
      }
      if errno == EEXIST {
        unlink(sibling)
        throw CheckpointError(.exists, "the output already exists; use --overwrite to replace it", file: path)
      }
      guard rename(sibling, path) != 0 else { return }
    }
    let failure = systemFailure("naming the output", path)
    unlink(sibling)
    throw failure
  }

  private static func siblingName(of path: String, in folder: String) -> String {
    let name = path.lastIndex(of: "/").map { path[path.index(after: $0)...] } ?? path[...]
    return folder + "/." + name + ".partial"
  }
}

/// Removes hidden siblings when the process is interrupted.
private enum Interruption {
  /// Addresses of C strings; a signal handler may read atomics and nothing that locks.
  private final class Slots: Sendable {
    let first = Atomic<UInt>(0)
    let second = Atomic<UInt>(0)
    let third = Atomic<UInt>(0)
    let fourth = Atomic<UInt>(0)

    func removeAll() {
      for address in [
        first.load(ordering: .acquiring), second.load(ordering: .acquiring), third.load(ordering: .acquiring),
        fourth.load(ordering: .acquiring),
      ] {
        if let name = UnsafePointer<CChar>(bitPattern: address) { unlink(name) }
      }
    }

    func replace(_ old: UInt, _ new: UInt) -> Bool {
      first.compareExchange(expected: old, desired: new, ordering: .acquiringAndReleasing).exchanged
        || second.compareExchange(expected: old, desired: new, ordering: .acquiringAndReleasing).exchanged
        || third.compareExchange(expected: old, desired: new, ordering: .acquiringAndReleasing).exchanged
        || fourth.compareExchange(expected: old, desired: new, ordering: .acquiringAndReleasing).exchanged
    }
  }

  private static let slots = Slots()
  private static let names = Mutex<[String: UInt]>([:])

  static func remember(_ path: String) {
    guard let copy = strdup(path) else { return }
    let address = UInt(bitPattern: copy)
    guard slots.replace(0, address) else {
      free(copy)
      return
    }
    names.withLock { $0[path] = address }
    for number in [SIGINT, SIGTERM, SIGHUP] {
      signal(number) { number in
        Interruption.slots.removeAll()
        signal(number, SIG_DFL)
        raise(number)
      }
    }
  }

  static func forget(_ path: String) {
    guard let address = names.withLock({ $0.removeValue(forKey: path) }) else { return }
    _ = slots.replace(address, 0)
    free(UnsafeMutableRawPointer(bitPattern: address))
  }
}
