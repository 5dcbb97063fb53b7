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
