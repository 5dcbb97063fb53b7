import CSystem
import Libc

/// The place of a file that is not finished: nameless where the system can do that, a hidden sibling elsewhere.
final class StagingFile {
  /// How far the file is.
  private enum State {
    /// Under no name, or its hidden one.
    case unnamed
    /// Under its name, where nothing stood.
    case new
    /// Under its name, with the older file under the hidden one.
    case exchanged
    /// Under its name, and the older file is gone.
    case replaced
  }

  /// Open for writing and reading.
  let descriptor: Int32
  private let path: String
  /// The hidden sibling.
  private let hidden: String
  /// Whether the hidden name is this file's now.
  private var isHidden = false
  private var state = State.unnamed

  /// Opens a staging file in a folder for a file that will be named `path`, on the same disk.
  init(for path: String, in folder: String) throws(CheckpointError) {
    self.path = path
    hidden = AtomicWriter.hiddenName(of: path, in: folder)
    if Self.mayBeNameless {
      let nameless = retrying { csystem_open_nameless(folder, 0o666) }
      if nameless >= 0 {
        descriptor = nameless
        if FileIdentity(entry: hidden) != nil {
          let turn = NamingTurn(in: [folder])
          try? Self.removeLeftover(hidden, of: path)
          withExtendedLifetime(turn) {}
        }
        return
      }
      guard errno == ENOTSUP else { throw Self.failure(path, folder, errno) }
    }
    descriptor = try Self.openHidden(hidden, for: path, in: folder)
    isHidden = true
  }

  /// Leaves nothing of a file that has no name yet; one that has it keeps it.
  deinit {
    unlinkHidden()
    close(descriptor)
  }

  /// Gives the file its final name.
  ///
  /// - Parameters:
  ///   - overwrite: whether an older file may be replaced.
  ///   - keepingOld: whether that is then kept under the hidden name.
  /// - Throws: `exists` when the name is taken, `inputOutput` when it cannot be given or another run has the hidden one.
  func name(overwrite: Bool, keepingOld: Bool) throws(CheckpointError) {
    if overwrite {
      let number = Names.mendExchange(hidden, path)
      guard number == 0 else { throw systemFailure("mending what a killed run left", hidden + ".old", number) }
    }
    if !isHidden {
      let source = "/proc/self/fd/\(descriptor)"
      if linkat(AT_FDCWD, source, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 {
        state = .new
        return
      }
      guard errno == EEXIST else { throw systemFailure("naming the output", path) }
      guard overwrite else { throw Self.taken(path) }
      try takeHiddenName()
    } else {
      try requireHiddenName()
    }
    state = try moveHidden(overwrite: overwrite, keepingOld: keepingOld)
    release()
  }

  /// Where there are no locks another run may have taken the hidden name over.
  private func requireHiddenName() throws(CheckpointError) {
    guard try !FileIdentity.isOpen(descriptor, under: hidden) else { return }
    release()
    throw anotherRun(path)
  }

  /// Takes the name back.
  func takeBack() throws(CheckpointError) {
    guard state == .new || state == .exchanged else {
      throw CheckpointError(.fault, "the older file is gone", file: path)
    }
    guard try FileIdentity.isOpen(descriptor, under: path) else {
      throw CheckpointError(.inputOutput, "another program has replaced it", file: path)
    }
    if state == .exchanged {
      let number = Names.exchange(hidden, path)
      guard number == 0 else { throw systemFailure("giving the older file its name back", path, number) }
      isHidden = true
      unlinkHidden()
    } else {
      guard unlink(path) == 0 else { throw systemFailure("removing it", path) }
    }
    state = .unnamed
  }

  /// Removes the older file.
  func settle() throws(CheckpointError) {
    guard state == .exchanged else { return }
    guard unlink(hidden) == 0 || errno == ENOENT else { throw systemFailure("removing the older file", hidden) }
    state = .replaced
  }

  /// Fills a buffer with bytes that were written.
  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(CheckpointError) {
    var done = 0
    while done < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let count = pread(descriptor, rest.baseAddress, rest.count, off_t(offset) + off_t(done))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw systemFailure("reading the output back", path, count == 0 ? EIO : errno) }
      done += count
    }
  }

  // MARK: The hidden name

  /// Makes the hidden sibling; one that a killed run left is replaced, the file of a run that is alive is not.
  private static func openHidden(
    _ hidden: String, for path: String, in folder: String
  ) throws(CheckpointError) -> Int32 {
    for _ in 0..<100 {
      let named = try Interruption.putOff { () throws(CheckpointError) -> Int32 in
        let named = retrying { open(hidden, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0o666) }
        guard named >= 0 || errno == EEXIST else { throw failure(path, folder, errno) }
        if named >= 0 { Interruption.remember(hidden) }
        return named
      }
      guard named >= 0 else {
        try removeLeftover(hidden, of: path)
        continue
      }
      // Another run may have taken the file for a leftover before it was locked.
      if case .held = FileLock.ask(named) {
      } else if (try? FileIdentity.isOpen(named, under: hidden)) == true {
        return named
      }
      Interruption.forget(hidden)
      close(named)
    }
    throw anotherRun(path)
  }

  /// Gives a nameless file the hidden name.
  private func takeHiddenName() throws(CheckpointError) {
    let source = "/proc/self/fd/\(descriptor)"
    _ = FileLock.ask(descriptor)
    for _ in 0..<100 {
      if linkat(AT_FDCWD, source, AT_FDCWD, hidden, AT_SYMLINK_FOLLOW) == 0 {
        isHidden = true
        return
      }
      guard errno == EEXIST else { throw systemFailure("naming the output", path) }
      try Self.removeLeftover(hidden, of: path)
    }
    throw anotherRun(path)
  }

  /// Removes what a killed run left under a hidden name.
  ///
  /// Only the name is removed: the file may have another, its final one.
  private static func removeLeftover(_ hidden: String, of path: String) throws(CheckpointError) {
    let handle = retrying { open(hidden, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
    if handle < 0, errno == ENOENT { return }
    defer { if handle >= 0 { close(handle) } }
    if handle >= 0 {
      if case .held = FileLock.ask(handle) { throw anotherRun(path) }
      guard try FileIdentity.isOpen(handle, under: hidden) else { return }
    }
    guard unlink(hidden) == 0 || errno == ENOENT else {
      throw systemFailure("removing what a killed run left", hidden)
    }
  }

  private func moveHidden(overwrite: Bool, keepingOld: Bool) throws(CheckpointError) -> State {
    if overwrite, !keepingOld {
      guard rename(hidden, path) == 0 else { throw failedMove(errno) }
      return .replaced
    }
    var number = overwrite ? Names.exchange(hidden, path) : ENOENT
    if number == 0 { return .exchanged }
    // Nothing stands there, or nothing that may be replaced.
    if number == ENOENT { number = Names.renameNew(hidden, path) }
    guard number != EEXIST else { throw Self.taken(path) }
    guard number == 0 else { throw failedMove(number) }
    return .new
  }

  private func failedMove(_ number: Int32) -> CheckpointError {
    // What vanishes in the moment of naming was taken by another run for a leftover.
    number == ENOENT ? anotherRun(path) : systemFailure("naming the output", path, number)
  }

  private func release() {
    isHidden = false
    Interruption.forget(hidden)
  }

  private func unlinkHidden() {
    guard isHidden else { return }
    if (try? FileIdentity.isOpen(descriptor, under: hidden)) == true { unlink(hidden) }
    release()
  }

  /// Whether files without names may be used: they are named through /proc, and tests of the other way switch them off.
  private static var mayBeNameless: Bool {
    getenv("QUERN_NAMED_STAGING") == nil && access("/proc/self/fd", X_OK) == 0
  }

  private static func taken(_ path: String) -> CheckpointError {
    CheckpointError(.exists, "the output already exists", file: path, remedy: .allowOverwriting)
  }

  private static func failure(_ path: String, _ folder: String, _ number: Int32) -> CheckpointError {
    guard number == ENOENT || number == ENOTDIR else { return systemFailure("creating the output", path, number) }
    return CheckpointError(.inputOutput, "there is no such folder; make it first", file: folder)
  }
}
