import Libc

/// The operating system's words for the present `errno`.
package func systemMessage(_ number: Int32 = errno) -> String {
  String(cString: strerror(number))
}

/// A failed system call as an error that names the file.
package func systemFailure(_ doing: String, _ path: String, _ number: Int32 = errno) -> CheckpointError {
  switch number {
  case ENOENT:
    CheckpointError(.missing, "there is no such file or folder", file: path)
  case ENOSPC, EDQUOT:
    CheckpointError(
      .noSpace, "\(doing) failed: the disk is full; free some space or choose another place, then run again",
      file: path, cause: systemMessage(number))
  case EFBIG:
    CheckpointError(
      .noSpace, "\(doing) failed: the file system or a limit of the shell allows no larger file",
      file: path, cause: systemMessage(number), remedy: .splitOutput)
  case EMFILE, ENFILE:
    CheckpointError(
      .inputOutput, "\(doing) failed: too many files are open; raise the limit (ulimit -n)", file: path,
      cause: systemMessage(number))
  case ENOMEM:
    CheckpointError(
      .inputOutput, "\(doing) failed: the system gives no more memory; raise the limit (ulimit -v) or free some",
      file: path, cause: systemMessage(number))
  case EROFS, EACCES, EPERM:
    CheckpointError(
      .inputOutput, "\(doing) failed: no permission here; choose another place or change its permissions", file: path,
      cause: systemMessage(number))
  default:
    CheckpointError(.inputOutput, "\(doing) failed", file: path, cause: systemMessage(number))
  }
}

/// Repeats a system call that a signal cut short.
package func retrying(_ call: () -> Int32) -> Int32 {
  while true {
    let result = call()
    if result >= 0 || errno != EINTR { return result }
  }
}

/// How many files the process may have open.
package enum OpenFiles {
  /// Makes room for `count` outputs that stay open at once, beside all that is open now; the first is named in the error.
  ///
  /// - Throws: `inputOutput` when the system does not give it.
  package static func allow(_ count: Int, for path: String?) throws(CheckpointError) {
    var limit = rlimit()
    guard getrlimit(openFilesResource, &limit) == 0 else { return }
    // Ample: sources, tokenizer files, standard streams and what the system's own code opens.
    if raise(&limit, to: rlim_t(clamping: count + 64)) { return }
    // The limit is low, so counting what is open is soon done.
    let open = (0..<Int32(clamping: limit.rlim_cur)).count { fcntl($0, F_GETFD) >= 0 }
    let needed = open + count + momentary
    if rlim_t(needed) <= limit.rlim_cur { return }
    throw CheckpointError(
      .inputOutput,
      "\(needed) files must be open at once and the limit (ulimit -n) is \(limit.rlim_cur)"
        + (count > 1 ? "" : "; raise it"),
      file: path, remedy: count > 1 ? .splitLess : nil)
  }

  /// Files that are opened for a moment while outputs are: the folder they appear in, locks, small documents.
  private static let momentary = 4

  /// Raises the limit as far as that is allowed; true when it is enough.
  private static func raise(_ limit: inout rlimit, to needed: rlim_t) -> Bool {
    if limit.rlim_cur >= needed { return true }
    var higher = limit
    higher.rlim_cur = min(needed, limit.rlim_max)
    if setrlimit(openFilesResource, &higher) == 0 { limit = higher }
    return limit.rlim_cur >= needed
  }

  #if canImport(Glibc)
    private static var openFilesResource: __rlimit_resource_t { __rlimit_resource_t(RLIMIT_NOFILE.rawValue) }
  #else
    private static var openFilesResource: Int32 { Int32(RLIMIT_NOFILE) }
  #endif
}
