#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

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
      .noSpace, "\(doing) failed: the disk is full; free some space or choose another --output, then run again",
      file: path, cause: systemMessage(number))
  case EFBIG:
    CheckpointError(
      .noSpace, "\(doing) failed: the file system or a limit of the shell allows no larger file; use --split-size",
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
  /// Makes room for `count` files beside those that are always open; false when the system does not give it.
  package static func allow(_ count: Int) -> Bool {
    // Sources, tokenizer files, standard streams and threads of the system's own.
    let needed = rlim_t(clamping: count + 64)
    var limit = rlimit()
    guard getrlimit(openFilesResource, &limit) == 0 else { return true }
    if limit.rlim_cur >= needed { return true }
    limit.rlim_cur = min(needed, limit.rlim_max)
    return setrlimit(openFilesResource, &limit) == 0 && limit.rlim_cur >= needed
  }

  #if canImport(Glibc)
    private static var openFilesResource: __rlimit_resource_t { __rlimit_resource_t(RLIMIT_NOFILE.rawValue) }
  #else
    private static var openFilesResource: Int32 { Int32(RLIMIT_NOFILE) }
  #endif
}
