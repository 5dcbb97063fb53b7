import Libc

/// Writes a file that appears under its name only when it is complete and on the disk.
///
/// On Linux the bytes go to a file that has no name yet (`O_TMPFILE`), so that even `kill -9` leaves nothing behind;
/// where the file system cannot do that, they go to a hidden sibling that is removed on failure and on interruption.
/// `seal()` flushes and syncs, `commit()` gives the name: several files can be sealed first and named together
/// (``OutputSet``). docs/writing.md has the order of all steps.
package final class AtomicWriter: Output {
  /// The name the file will have.
  package let path: String
  /// Bytes written so far.
  package private(set) var position: UInt64 = 0

  private let overwrite: Bool
  private var staging: StagingFile?
  private var hash: SHA256Hash?
  private var digest: String?
  private var isSealed = false
  private var output: BlockOutput?

  /// Prepares an output.
  ///
  /// - Parameters:
  ///   - path: the final name; its folder must exist when the file is named.
  ///   - folder: a folder on the same disk where the file is kept until then; that of `path` unless given.
  ///   - overwrite: whether a file already there may be replaced.
  ///   - hashing: whether `seal()` returns the SHA-256 of all bytes.
  ///   - expectedBytes: what the disk must have free, where that is known.
  ///   - length: the final length where it is known; room for it is taken at once.
  /// - Throws: `exists` when the name is taken, `noSpace` when the disk is too small, `inputOutput` otherwise.
  package init(
    path: String, in folder: String? = nil, overwrite: Bool = false, hashing: Bool = false,
    expectedBytes: UInt64? = nil, reserving length: UInt64? = nil
  ) throws(CheckpointError) {
    self.path = path
    self.overwrite = overwrite
    self.hash = hashing ? SHA256Hash() : nil
    // In a folder that is only made when the file is named there is nothing yet, or what a killed run left.
    if folder == nil { try Self.checkOutput(path, overwrite: overwrite) }
    let folder = folder ?? Path(path).folder
    if let expectedBytes, let free = Self.freeBytes(in: folder), free < expectedBytes {
      throw CheckpointError(
        .noSpace,
        "the output needs \(expectedBytes) bytes and the disk has \(free) free; free some space or choose another place",
        file: path)
    }
    let staging = try StagingFile(for: path, in: folder)
    self.staging = staging
    let output = BlockOutput(staging.descriptor)
    self.output = output
    if let length { try check(output.reserve(length)) }
  }

  deinit { abandon() }

  /// Refuses an output whose name is taken, unless it is that of a file and may be replaced.
  package static func checkOutput(_ path: String, overwrite: Bool) throws(CheckpointError) {
    guard let status = try FileStatus(entry: path) else { return }
    switch status.kind {
    case .file: break
    case .link:
      // The link itself would be replaced; who links to a folder means something in it.
      if try FileStatus(of: path)?.kind == .folder {
        throw CheckpointError(.exists, "the output is a link to a folder; name a file", file: path)
      }
    case .folder: throw CheckpointError(.exists, "the output is a folder; name a file", file: path)
    // Replacing a device or a pipe by a file would break whatever uses it.
    case .other: throw CheckpointError(.exists, "the output is a device or a pipe; name a file", file: path)
    }
    if !overwrite {
      throw CheckpointError(.exists, "the output already exists", file: path, remedy: .allowOverwriting)
    }
    // A container's single file is often mounted.
    if Names.isMount(path) {
      throw CheckpointError(
        .exists, "something is mounted here, which cannot be replaced; choose another place for the output", file: path)
    }
  }

  /// Where an output that has no name yet is kept in a folder.
  ///
  /// A file deeper in the folder has its own, and so has one whose name is too long for a dot and an ending.
  package static func hiddenName(of path: String, in folder: String) -> String {
    let around = Array((folder + "/").utf8)
    let name =
      path.utf8.starts(with: around)
      ? String(Substring(path.utf8.dropFirst(around.count)))
      : Path(path).name
    var hidden = String(String.UnicodeScalarView(name.unicodeScalars.map { $0 == "/" ? "." : $0 }))
    if hidden.utf8.count > 240 {
      // What is cut off may be all that tells two outputs from each other.
      let sum = Array(hidden.utf8).withUnsafeBytes { SHA256Hash.hash($0) }
      while hidden.utf8.count > 220 { hidden.removeLast() }
      hidden += "-" + sum.prefix(16)
    }
    return folder + "/." + hidden + ".partial"
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
    guard let output else { throw CheckpointError(.fault, "the writer was abandoned", file: path) }
    position += UInt64(bytes.count)
    hash?.update(bytes)
    try check(output.append(bytes))
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
    guard let staging, let output else { throw CheckpointError(.fault, "the writer was abandoned", file: path) }
    try check(output.finish())
    self.output = nil
    guard retrying({ fsync(staging.descriptor) }) == 0 else { throw systemFailure("writing", path) }
    digest = hash?.finalize()
    isSealed = true
    return digest
  }

  /// Gives the sealed file its name, replacing an older one only when that was allowed.
  package func commit() throws(CheckpointError) {
    do throws(CheckpointError) {
      try OutputSet.name([self])
    } catch {
      abandon()
      throw error
    }
  }

  package var parent: String { Path(path).folder }

  package func name(keepingOld: Bool) throws(CheckpointError) {
    precondition(isSealed, "a file is sealed before it is named")
    try staging?.name(overwrite: overwrite, keepingOld: keepingOld)
  }

  package func takeBack() throws(CheckpointError) { try staging?.takeBack() }

  package func settle() throws(CheckpointError) {
    defer { staging = nil }
    try staging?.settle()
  }

  /// Whether the sealed file holds the same bytes as the one that stands under its name.
  package func matchesExisting() throws(CheckpointError) -> Bool {
    precondition(isSealed, "a file is compared when it is complete")
    guard let staging else { return false }
    let existing = try InputFile(path: path)
    guard existing.size == position else { return false }
    let piece = 4 << 20
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * piece, alignment: 4096)
    defer { buffer.deallocate() }
    var done: UInt64 = 0
    while done < position {
      let count = Int(min(UInt64(piece), position - done))
      let theirs = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
      let ours = UnsafeMutableRawBufferPointer(rebasing: buffer[piece..<piece + count])
      try existing.read(at: done, into: theirs)
      try staging.read(at: done, into: ours)
      guard let a = theirs.baseAddress, let b = ours.baseAddress, memcmp(a, b, count) == 0 else { return false }
      done += UInt64(count)
    }
    return true
  }

  /// Seals and commits.
  @discardableResult
  package func finish() throws(CheckpointError) -> String? {
    let digest = try seal()
    try commit()
    return digest
  }

  /// Throws the bytes away unless they have their name; whatever stood under it before is untouched.
  package func abandon() {
    output?.stop()
    output = nil
    staging = nil
  }

  /// Gives up when a system call failed with this `errno`.
  private func check(_ number: Int32) throws(CheckpointError) {
    guard number != 0 else { return }
    abandon()
    throw systemFailure("writing", path, number)
  }
}
