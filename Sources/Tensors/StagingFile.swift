#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The place of a file that is not finished: nameless where the system can do that, a hidden sibling elsewhere.
struct StagingFile {
  /// Open for writing and reading.
  let descriptor: Int32
  private let folder: String
  /// The hidden sibling; nil for a nameless file.
  private let temporary: String?

  /// Opens a staging file in a folder for a file that will be named `path`, on the same disk.
  init(for path: String, in folder: String) throws(CheckpointError) {
    self.folder = folder
    let mode: mode_t = 0o666
    #if os(Linux)
      // `O_TMPFILE` is a compound macro that Swift does not import.
      let nameless =
        Self.mayBeNameless ? open(folder, Int32(0o20_000_000) | O_DIRECTORY | O_RDWR | O_CLOEXEC, mode) : -1
      if nameless >= 0 {
        descriptor = nameless
        temporary = nil
        return
      }
      let failure = Self.mayBeNameless ? errno : EOPNOTSUPP
      guard [EOPNOTSUPP, EISDIR, EINVAL].contains(failure) else { throw Self.failure(path, folder, failure) }
    #endif
    let sibling = AtomicWriter.hiddenName(of: path, in: folder)
    let named = open(sibling, O_CREAT | O_RDWR | O_CLOEXEC, mode)
    guard named >= 0 else { throw Self.failure(path, folder, errno) }
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

  /// Gives the file its final name and closes it; on failure nothing of it is left.
  ///
  /// The name is made durable, unless it is in another folder: one that is being filled is made durable as a whole.
  func publish(as path: String, overwrite: Bool) throws(CheckpointError) {
    defer { close(descriptor) }
    if let temporary {
      defer { Interruption.forget(temporary) }
      try move(temporary, to: path, overwrite: overwrite)
    } else {
      try publishNameless(as: path, overwrite: overwrite)
    }
    if AtomicWriter.folder(of: path) == folder { syncFolder(folder) }
  }

  /// Fills a buffer with bytes that were written.
  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(CheckpointError) {
    var done = 0
    while done < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let count = pread(descriptor, rest.baseAddress, rest.count, off_t(offset) + off_t(done))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw systemFailure("reading the output back", folder) }
      done += count
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

  /// Whether files without names may be used: tests of the other way switch it off.
  private static var mayBeNameless: Bool { getenv("QUERN_NAMED_STAGING") == nil }

  private static func failure(_ path: String, _ folder: String, _ number: Int32) -> CheckpointError {
    guard number == ENOENT || number == ENOTDIR else { return systemFailure("creating the output", path, number) }
    return CheckpointError(.inputOutput, "there is no such folder; make it first", file: folder)
  }

  private func publishNameless(as path: String, overwrite: Bool) throws(CheckpointError) {
    let source = "/proc/self/fd/\(descriptor)"
    if linkat(AT_FDCWD, source, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 { return }
    guard errno == EEXIST else { throw systemFailure("naming the output", path) }
    guard overwrite else {
      throw CheckpointError(.exists, "the output already exists; use --overwrite to replace it", file: path)
    }
    let sibling = AtomicWriter.hiddenName(of: path, in: folder)
    unlink(sibling)
    guard linkat(AT_FDCWD, source, AT_FDCWD, sibling, AT_SYMLINK_FOLLOW) == 0 else {
      throw systemFailure("naming the output", path)
    }
    try move(sibling, to: path, overwrite: true)
  }

  private func move(_ sibling: String, to path: String, overwrite: Bool) throws(CheckpointError) {
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
}

/// Makes names given or taken in a folder durable.
package func syncFolder(_ folder: String) {
  let handle = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard handle >= 0 else { return }
  fsync(handle)
  close(handle)
}
