#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Writes a file that appears under its name only when it is complete and on the disk.
///
/// On Linux the bytes go to a file that has no name yet (`O_TMPFILE`), so that even `kill -9` leaves nothing behind;
/// where the file system cannot do that, they go to a hidden sibling that is removed on failure and on interruption.
/// `seal()` flushes and syncs, `commit()` gives the name: several files can be sealed first and named together.
package final class AtomicWriter {
  /// The name the file will have.
  package let path: String
  /// Bytes written so far.
  package private(set) var position: UInt64 = 0

  private let overwrite: Bool
  private var staging: StagingFile?
  private var hash: SHA256Hash?
  private var digest: String?
  private var isSealed = false
  private var buffer: [UInt8] = []
  /// Bytes whose write-back the kernel was asked to start.
  private var flushed: UInt64 = 0

  private static let bufferSize = 1 << 20
  private static let flushStep: UInt64 = 32 << 20

  /// Prepares an output.
  ///
  /// - Parameters:
  ///   - path: the final name; its folder must exist.
  ///   - overwrite: whether a file already there may be replaced.
  ///   - hashing: whether `seal()` returns the SHA-256 of all bytes.
  ///   - expectedBytes: the final length where it is known, checked against the free space of the disk.
  /// - Throws: `exists` when the name is taken, `noSpace` when the disk is too small, `inputOutput` otherwise.
  package init(
    path: String, overwrite: Bool = false, hashing: Bool = false, expectedBytes: UInt64? = nil
  ) throws(CheckpointError) {
    self.path = path
    self.overwrite = overwrite
    self.hash = hashing ? SHA256Hash() : nil
    try Self.checkOutput(path, overwrite: overwrite)
    let folder = Self.folder(of: path)
    if let expectedBytes, let free = Self.freeBytes(in: folder), free < expectedBytes {
      throw CheckpointError(
        .noSpace,
        "the output needs \(expectedBytes) bytes and the disk has \(free) free; free some space or choose another --output",
        file: path)
    }
    staging = try StagingFile(for: path, in: folder)
    buffer.reserveCapacity(Self.bufferSize)
  }

  deinit { staging?.remove() }

  /// Refuses an output whose name is taken, unless it may be replaced.
  package static func checkOutput(_ path: String, overwrite: Bool) throws(CheckpointError) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    if status.st_mode & S_IFMT == S_IFDIR {
      throw CheckpointError(.exists, "the output is a folder; name a file", file: path)
    }
    if !overwrite {
      throw CheckpointError(.exists, "the output already exists; use --overwrite to replace it", file: path)
    }
  }

  /// The folder a path lies in.
  package static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The bytes an ordinary user can still write to the disk of a folder; nil when the system does not say.
  package static func freeBytes(in folder: String) -> UInt64? {
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { return nil }
    let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
    return overflow ? UInt64.max : bytes
  }

  /// Appends bytes.
  package func write(_ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
    precondition(!isSealed, "nothing is written after the file is sealed")
    position += UInt64(bytes.count)
    if buffer.count + bytes.count <= Self.bufferSize {
      buffer.append(contentsOf: bytes)
      return
    }
    try flushBuffer()
    if bytes.count >= Self.bufferSize {
      try send(bytes)
    } else {
      buffer.append(contentsOf: bytes)
    }
  }

  /// Appends bytes.
  package func write(_ bytes: [UInt8]) throws(CheckpointError) {
    // `withUnsafeBytes` does not carry typed errors on every toolchain; the result does.
    let result = bytes.withUnsafeBytes { view in
      Result { () throws(CheckpointError) in try write(view) }
    }
    try result.get()
  }

  /// Appends `count` zero bytes.
  package func writeZeros(_ count: Int) throws(CheckpointError) {
    if count > 0 { try write([UInt8](repeating: 0, count: count)) }
  }

  /// Flushes and syncs the bytes; afterwards nothing more can be written.
  ///
  /// - Returns: the SHA-256 of the file when hashing was asked for.
  @discardableResult
  package func seal() throws(CheckpointError) -> String? {
    if isSealed { return digest }
    try flushBuffer()
    guard let staging else { throw CheckpointError(.fault, "the writer was abandoned", file: path) }
    guard fsync(staging.descriptor) == 0 else { throw systemFailure("writing", path) }
    digest = hash?.finalize()
    isSealed = true
    return digest
  }

  /// Gives the sealed file its name, replacing an older one only when that was allowed.
  package func commit() throws(CheckpointError) {
    precondition(isSealed, "a file is sealed before it is named")
    guard let staging else { return }
    try staging.publish(overwrite: overwrite)
    self.staging = nil
  }

  /// Seals and commits.
  @discardableResult
  package func finish() throws(CheckpointError) -> String? {
    let digest = try seal()
    try commit()
    return digest
  }

  /// Throws the bytes away; whatever stood under the name before is untouched.
  package func abandon() {
    staging?.remove()
    staging = nil
  }

  private func flushBuffer() throws(CheckpointError) {
    guard !buffer.isEmpty else { return }
    let result = buffer.withUnsafeBytes { view in
      Result { () throws(CheckpointError) in try send(view) }
    }
    try result.get()
    buffer.removeAll(keepingCapacity: true)
  }

  private func send(_ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
    guard let staging else { throw CheckpointError(.fault, "the writer was abandoned", file: path) }
    hash?.update(bytes)
    var done = 0
    while done < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
      let count = Self.put(staging.descriptor, rest)
      if count < 0 {
        if errno == EINTR { continue }
        let failure = systemFailure("writing", path)
        abandon()
        throw failure
      }
      done += count
    }
    startWriteBack(staging.descriptor)
  }

  /// Asks the kernel to start writing finished ranges, so that the final sync has little left to do.
  private func startWriteBack(_ descriptor: Int32) {
    #if os(Linux)
      let written = position - UInt64(buffer.count)
      guard written >= flushed + Self.flushStep else { return }
      // DONTNEED on dirty pages starts their write-back without waiting for it.
      posix_fadvise(descriptor, off_t(flushed), off_t(written - flushed), POSIX_FADV_DONTNEED)
      flushed = written
    #endif
  }

  private static func put(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    #if canImport(Darwin)
      Darwin.write(descriptor, bytes.baseAddress, min(bytes.count, 1 << 30))
    #elseif canImport(Musl)
      Musl.write(descriptor, bytes.baseAddress, bytes.count)
    #else
      Glibc.write(descriptor, bytes.baseAddress, bytes.count)
    #endif
  }
}
