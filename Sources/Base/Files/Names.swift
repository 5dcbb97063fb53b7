import CSystem
import Libc

/// Names given, exchanged and taken in steps that a crash cannot cut in two.
package enum Names {
  /// Renames, unless the new name is taken; returns 0 or an `errno`, `EEXIST` where it is.
  package static func renameNew(_ from: String, _ to: String) -> Int32 {
    let number = csystem_rename_new(from, to)
    guard number == ENOTSUP else { return number }
    // A second name refuses one that is taken; `rename` would replace it.
    if link(from, to) == 0 { return unlink(from) == 0 ? 0 : errno }
    guard errno != EEXIST else { return EEXIST }
    guard FileIdentity(entry: to) == nil else { return EEXIST }
    guard errno == ENOENT else { return errno }
    return rename(from, to) == 0 ? 0 : errno
  }

  /// Exchanges what stands under a hidden name and under a visible one; returns 0 or an `errno`.
  ///
  /// One step where the system and the file system can do that.
  package static func exchange(_ hidden: String, _ name: String) -> Int32 {
    let number = csystem_exchange(hidden, name)
    return number == ENOTSUP ? exchangeInSteps(hidden, name) : number
  }

  /// Exchanges with plain renames: a file keeps its visible name at every instant, anything else is without it for one call.
  package static func exchangeInSteps(_ hidden: String, _ name: String) -> Int32 {
    let aside = asideName(of: hidden)
    // Only a file can have two names, and only what is not a folder can be replaced by a file.
    if isFolder(entry: name) || isFolder(entry: hidden) || link(name, aside) != 0 {
      guard rename(name, aside) == 0 else { return errno }
      guard rename(hidden, name) == 0 else {
        let number = errno
        rename(aside, name)
        return number
      }
    } else if rename(hidden, name) != 0 {
      let number = errno
      unlink(aside)
      return number
    }
    return rename(aside, hidden) == 0 ? 0 : errno
  }

  /// Completes or takes back an exchange in steps in which a run was killed; returns 0 or an `errno`.
  package static func mendExchange(_ hidden: String, _ name: String) -> Int32 {
    let aside = asideName(of: hidden)
    // What the system does not tell is not an absence: nothing is renamed over what may be there.
    guard let old = FileIdentity(entry: aside) else { return errno == ENOENT ? 0 : errno }
    guard let visible = FileIdentity(entry: name) else { return errno == ENOENT ? renameNew(aside, name) : errno }
    let isFolder = isFolder(entry: aside)
    if visible == old, !isFolder { return unlink(aside) == 0 ? 0 : errno }
    if FileIdentity(entry: hidden) == nil { return errno == ENOENT ? renameNew(aside, hidden) : errno }
    // A new file has the hidden name already: the older one was replaced, and would have been removed next.
    guard !isFolder else { return EEXIST }
    return unlink(aside) == 0 ? 0 : errno
  }

  /// Whether something is mounted at a name, which can be neither renamed nor removed.
  package static func isMount(_ path: String) -> Bool {
    let answer = csystem_is_mount(path)
    guard answer < 0 else { return answer != 0 }
    var here = stat()
    var around = stat()
    guard lstat(path, &here) == 0, stat(Path(path).folder, &around) == 0 else { return false }
    return here.st_dev != around.st_dev
  }

  /// Whether the name is that of a folder, links not followed.
  package static func isFolder(entry path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Where a link leads, word for word; nil where the name is not that of a link.
  package static func target(ofLink path: String) -> String? {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink(path, &buffer, buffer.count)
    guard count >= 0 else { return nil }
    return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func asideName(of hidden: String) -> String { hidden + ".old" }
}

/// Makes names given or taken in a folder durable.
///
/// - Throws: `inputOutput` or `noSpace` when the system says that it failed, which is not the same as that it cannot.
package func syncFolder(_ folder: String) throws(CheckpointError) {
  let handle = retrying { open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
  guard handle >= 0 else {
    // A folder in which one may write and not read can be synced with everything else only.
    guard errno == EACCES else { throw systemFailure("making the names durable", folder) }
    return sync()
  }
  defer { close(handle) }
  guard retrying({ fsync(handle) }) != 0 else { return }
  // Some file systems have nothing to sync in a folder.
  guard [EINVAL, ENOTSUP, ENOSYS].contains(errno) else { throw systemFailure("making the names durable", folder) }
}
