import Libc

/// A file opened for reading, by copying ranges of it or by mapping it.
///
/// Reading copies through the kernel and leaves nothing resident; mapping is for weights that are used in place.
package final class InputFile: Sendable {
  /// The path it was opened by.
  package let path: String
  /// Its length in bytes when it was opened.
  package let size: UInt64

  private let descriptor: Int32
  /// The address of the mapping as a number; made on first use and unmapped with the file.
  private let mapping = Lock<UInt>(0)

  /// Opens a file.
  ///
  /// - Throws: `missing` when there is none, `inputOutput` when it cannot be read or is not a regular file.
  package init(path: String) throws(CheckpointError) {
    // Without O_NONBLOCK, opening a pipe waits for somebody to write into it.
    let descriptor = retrying { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    guard descriptor >= 0 else { throw systemFailure("opening", path) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let failure = systemFailure("reading the size", path)
      close(descriptor)
      throw failure
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw CheckpointError(.unsupported, "this is not a regular file", file: path)
    }
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
    self.path = path
    self.descriptor = descriptor
    self.size = UInt64(max(0, status.st_size))
  }

  deinit {
    let address = mapping.withLock { $0 }
    if let pointer = UnsafeMutableRawPointer(bitPattern: address) { munmap(pointer, Int(size)) }
    close(descriptor)
  }

  /// Fills a buffer with the bytes that start at `offset`.
  ///
  /// - Throws: `malformed` when the file ends first, `inputOutput` when reading fails.
  package func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(CheckpointError) {
    try check(offset, buffer.count)
    var done = 0
    while done < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let count = pread(descriptor, rest.baseAddress, rest.count, off_t(offset) + off_t(done))
      if count < 0 {
        if errno == EINTR { continue }
        throw systemFailure("reading", path)
      }
      guard count > 0 else {
        throw CheckpointError(
          .malformed, "the file became shorter while it was read", file: path, offset: offset + UInt64(done))
      }
      done += count
    }
  }

  /// The `count` bytes that start at `offset`, copied.
  package func readBytes(at offset: UInt64, count: Int) throws(CheckpointError) -> [UInt8] {
    try check(offset, count)
    var bytes = [UInt8](repeating: 0, count: count)
    do {
      try bytes.withUnsafeMutableBytes { try read(at: offset, into: $0) }
    } catch {
      throw error as? CheckpointError ?? CheckpointError(.fault, "\(error)", file: path)
    }
    return bytes
  }

  /// The whole file mapped read-only; valid for as long as this object lives, and lent by ``withBytes(at:count:_:)``.
  private func mapped() throws(CheckpointError) -> UnsafeRawBufferPointer {
    guard size > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    guard let length = Int(exactly: size) else {
      throw CheckpointError(.unsupported, "the file is too long to map", file: path)
    }
    let address: UInt = mapping.withLock { known in
      if known != 0 { return known }
      guard let pointer = mmap(nil, length, PROT_READ, MAP_PRIVATE, descriptor, 0), pointer != MAP_FAILED else {
        return 0
      }
      known = UInt(bitPattern: pointer)
      return known
    }
    guard let pointer = UnsafeRawPointer(bitPattern: address) else { throw systemFailure("mapping", path) }
    return UnsafeRawBufferPointer(start: pointer, count: length)
  }

  /// Lends a mapped range for the length of a call.
  ///
  /// - Throws: `malformed` when the range passes the end of the file, and what `body` throws.
  package func withBytes<R>(
    at offset: UInt64, count: Int, _ body: (UnsafeRawBufferPointer) throws(CheckpointError) -> R
  ) throws(CheckpointError) -> R {
    try check(offset, count)
    let whole = try mapped()
    let start = Int(offset)
    defer { withExtendedLifetime(self) {} }
    return try body(UnsafeRawBufferPointer(rebasing: whole[start..<start + count]))
  }

  /// Gives back the memory of mapped pages that lie wholly inside a range; they are read again when touched.
  package func release(at offset: UInt64, count: Int) {
    let address = mapping.withLock { $0 }
    guard address != 0, count > 0, (try? check(offset, count)) != nil else { return }
    let page = UInt(sysconf(Int32(_SC_PAGESIZE)))
    let first = (address + UInt(offset) + page - 1) / page * page
    let last = (address + UInt(offset) + UInt(count)) / page * page
    guard last > first, let pointer = UnsafeMutableRawPointer(bitPattern: first) else { return }
    madvise(pointer, Int(last - first), MADV_DONTNEED)
  }

  /// Tells the kernel that a range will be wanted soon, so that it is read ahead.
  package func willNeed(at offset: UInt64, count: Int) {
    #if os(Linux)
      posix_fadvise(descriptor, off_t(clamping: offset), off_t(count), POSIX_FADV_WILLNEED)
    #endif
  }

  private func check(_ offset: UInt64, _ count: Int) throws(CheckpointError) {
    guard count >= 0, offset <= size, UInt64(count) <= size - offset else {
      throw CheckpointError(
        .malformed, "\(count) bytes are wanted here and the file has \(size) in all", file: path, offset: offset)
    }
  }
}
