import Libc

/// Questions to the file system that need no file opened.
package enum FileSystem {
  /// Whether there is a regular file, links followed.
  package static func isFile(_ path: String) -> Bool { kind(path) == S_IFREG }

  /// Whether there is a folder, links followed.
  package static func isFolder(_ path: String) -> Bool { kind(path) == S_IFDIR }

  /// Whether there is anything of that name.
  package static func exists(_ path: String) -> Bool { kind(path) != nil }

  private static func kind(_ path: String) -> mode_t? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return status.st_mode & S_IFMT
  }

  /// Whether there is anything of a name, where a link that leads nowhere is an error and no absence.
  ///
  /// - Throws: `missing` naming the link and its target, `inputOutput` when the system does not tell.
  package static func isThere(_ path: String) throws(CheckpointError) -> Bool { try linked(path) != nil }

  /// Whether there is a regular file; throws what ``isThere(_:)`` does.
  package static func isFileThere(_ path: String) throws(CheckpointError) -> Bool { try linked(path)?.kind == .file }

  /// Whether there is a folder; throws what ``isThere(_:)`` does.
  package static func isFolderThere(_ path: String) throws(CheckpointError) -> Bool {
    try linked(path)?.kind == .folder
  }

  private static func linked(_ path: String) throws(CheckpointError) -> FileStatus? {
    if let status = try FileStatus(of: path) { return status }
    guard try FileStatus(entry: path)?.kind == .link else { return nil }
    var target = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    let count = max(0, readlink(path, &target, Int(PATH_MAX)))
    let text = target.withUnsafeBytes { textWithBytesShown(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    throw CheckpointError(
      .missing, "this is a link to \(text), and there is no such file; download it again or remove the link", file: path
    )
  }

  /// The path without links, dots and double slashes; nil when there is nothing of that name, or its place is not UTF-8.
  package static func resolved(_ path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(validatingCString: real)
  }

  /// The names in a folder, sorted by their bytes.
  ///
  /// - Throws: `unsupported` for one that is not UTF-8: as a text it would be another name.
  package static func names(in folder: String) throws(CheckpointError) -> [String] {
    let (names, odd) = try listing(of: folder)
    guard let first = odd.first else { return names }
    throw CheckpointError(
      .unsupported, "this name is not UTF-8, so it cannot be used; rename it", file: folder + "/" + first)
  }

  /// The names in a folder that are UTF-8, sorted by their bytes, and the others with their odd bytes shown.
  package static func listing(of folder: String) throws(CheckpointError) -> (names: [String], odd: [String]) {
    guard let handle = opendir(folder) else { throw systemFailure("listing", folder) }
    defer { closedir(handle) }
    var names: [BinaryString] = []
    var odd: [String] = []
    // The end and a failure differ only in the error number.
    errno = 0
    while let entry = readdir(handle) {
      withUnsafeBytes(of: &entry.pointee.d_name) { buffer in
        let bytes = UnsafeRawBufferPointer(rebasing: buffer.prefix { $0 != 0 })
        guard isUTF8(bytes) else { return odd.append(textWithBytesShown(bytes)) }
        let name = String(decoding: bytes, as: UTF8.self)
        if name != ".", name != ".." { names.append(BinaryString(name)) }
      }
      errno = 0
    }
    guard errno == 0 else { throw systemFailure("listing", folder) }
    return (names.sorted().map(\.text), odd.sorted())
  }

  /// The value of an environment variable that is set and not empty.
  package static func environment(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    let text = String(cString: value)
    return text.isEmpty ? nil : text
  }

  /// A small file's bytes.
  ///
  /// - Throws: `malformed` when it is longer than `limit`.
  package static func read(_ path: String, limit: UInt64 = 256 << 20) throws(CheckpointError) -> [UInt8] {
    let file = try InputFile(path: path)
    guard file.size <= limit else {
      throw CheckpointError(
        .malformed, "the file has \(file.size) bytes; at most \(limit) are sensible for its kind", file: path)
    }
    return try file.readBytes(at: 0, count: Int(file.size))
  }

  /// The bytes of a text someone named: a file's, or all that comes through a pipe or a terminal.
  ///
  /// - Throws: `missing` or `inputOutput` when it cannot be read, `unsupported` for a folder and for a stream longer than `limit`.
  package static func readText(_ path: String, streamLimit limit: Int = 1 << 30) throws(CheckpointError) -> [UInt8] {
    switch kind(path) {
    case S_IFREG: return try read(path, limit: UInt64(Int.max))
    case S_IFDIR: throw CheckpointError(.unsupported, "this is a folder; name a text file", file: path)
    default: return try readStream(path, limit: limit)
    }
  }

  private static func readStream(_ path: String, limit: Int) throws(CheckpointError) -> [UInt8] {
    let descriptor = retrying { open(path, O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw systemFailure("opening", path) }
    defer { close(descriptor) }
    return try readAll(descriptor, path, limit: limit)
  }

  /// All that comes through an open descriptor, which errors call `path`.
  ///
  /// - Throws: `inputOutput` when it cannot be read, `unsupported` when it is longer than `limit`.
  package static func readAll(
    _ descriptor: Int32, _ path: String, limit: Int = 1 << 30
  ) throws(CheckpointError) -> [UInt8] {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = piece.withUnsafeMutableBytes { readDescriptor(descriptor, $0.baseAddress, $0.count) }
      if count == 0 { return bytes }
      guard count > 0 else {
        if errno == EINTR { continue }
        throw systemFailure("reading", path)
      }
      guard bytes.count + count <= limit else {
        throw CheckpointError(
          .unsupported, "more than \(limit) bytes came through; put the text into a file", file: path)
      }
      bytes += piece.prefix(count)
    }
  }
}

/// The system's `read`, which the names above would hide.
private func readDescriptor(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
  read(descriptor, buffer, count)
}
