import Libc

/// A folder that appears under its name with everything in it, or not at all.
///
/// Its files are written without names, or hidden, beside the place of the folder. When all are complete they are named
/// in a hidden folder, which then takes the place in one step. A run that is killed in that moment may leave the hidden folder;
/// the next one removes it.
package final class FolderOutput: Output {
  /// The folder to be, where a link leads when one was named.
  package let path: String
  /// The folder as it is reported.
  private let shown: String
  /// Where files are kept until they are named: the folder that will hold the new one.
  package let parent: String
  /// The hidden folder; there only while files are named.
  package let hidden: String
  private let overwrite: Bool
  private let documentNames: Set<String>
  /// Holds the lock of the hidden folder, which tells the folder of a run that is alive from a leftover; negative without.
  private var lock: Int32 = -1
  private var weights: [AtomicWriter] = []
  private var documents: [(writer: AtomicWriter, sha256: String?)] = []
  /// How the new folder takes the place of an old one; nil before it is made and when it has its name for good.
  private var exchange: FolderExchange?
  private var isNamed = false

  /// Prepares a folder; nothing is made yet.
  ///
  /// - Parameters:
  ///   - path: where it will be.
  ///   - overwrite: whether it takes the place of what stands there.
  ///   - names: the names of all documents that such a folder can have: those of an older one give way.
  package init(_ path: String, overwrite: Bool, documents names: Set<String>) {
    documentNames = names
    let place = Self.place(of: path)
    self.path = place.real
    self.overwrite = overwrite
    shown = place.shown
    parent = Path(place.real).folder
    hidden = AtomicWriter.hiddenName(of: place.real, in: parent)
  }

  deinit { abandon() }

  /// Writes and syncs the documents that belong beside the weights.
  package func write(_ files: [(name: String, bytes: [UInt8])], checksums: Bool) throws(CheckpointError) {
    for file in files {
      let writer = try AtomicWriter(path: hidden + "/" + file.name, in: parent, hashing: checksums)
      try writer.write(file.bytes)
      documents.append((writer, try writer.seal()))
    }
  }

  /// Adds weights, which are sealed before the folder is named.
  package func add(_ files: [AtomicWriter]) { weights += files }

  /// Everything in the folder, under the names it will have.
  package func published(_ weights: [WrittenFile]) -> [WrittenFile] {
    let files =
      weights
      + documents.map { writer, sum in
        WrittenFile(path: writer.path, bytes: writer.position, sha256: sum, tensors: [])
      }
    return files.map { file in
      WrittenFile(
        path: shown + file.path.dropFirst(hidden.count), bytes: file.bytes, sha256: file.sha256, tensors: file.tensors)
    }
  }

  package func name(keepingOld: Bool) throws(CheckpointError) {
    let files = weights + documents.map(\.writer)
    var exchange = FolderExchange(
      hidden: hidden, place: path, names: Set(files.map { String($0.path.dropFirst(hidden.count + 1)) }),
      earlier: documentNames)
    try makeHidden(exchange)
    self.exchange = exchange
    for file in files { try file.name(keepingOld: false) }
    if try FileStatus(entry: path) != nil {
      guard overwrite else { throw taken }
      var old = stat()
      guard lstat(path, &old) == 0 else { throw systemFailure("looking it up", path) }
      // Whose the folder is and who may enter it stays as it was, as far as one may say so.
      _ = fchown(lock, old.st_uid, old.st_gid)
      _ = fchmod(lock, old.st_mode & 0o7777)
      try exchange.bringOthers()
      try syncFolder(hidden)
      defer { self.exchange = exchange }
      try exchange.exchange()
    } else {
      try syncFolder(hidden)
      let number = Names.renameNew(hidden, path)
      guard number == 0 else { throw number == EEXIST ? taken : systemFailure("naming the folder", path, number) }
    }
    isNamed = true
  }

  package func takeBack() throws(CheckpointError) {
    guard var exchange, isNamed else { return }
    if exchange.isDone {
      defer { self.exchange = exchange }
      try exchange.undo()
    } else {
      let number = Names.renameNew(path, hidden)
      guard number == 0 else { throw systemFailure("taking the name back", path, number) }
    }
    isNamed = false
  }

  package func settle() throws(CheckpointError) {
    defer { exchange = nil }
    for file in weights + documents.map(\.writer) { try file.settle() }
    if let exchange, exchange.isDone { try exchange.settle() }
  }

  /// Throws everything away that has no name yet.
  package func abandon() {
    for (writer, _) in documents { writer.abandon() }
    if let exchange, !isNamed, !exchange.isDone { try? exchange.settle() }
    exchange = nil
    if lock >= 0 { close(lock) }
    lock = -1
  }

  /// Makes the hidden folder; one that a killed run left is removed, that of a run that is alive is not.
  private func makeHidden(_ exchange: FolderExchange) throws(CheckpointError) {
    let number = Names.mendExchange(hidden, path)
    guard number == 0 else { throw systemFailure("mending what a killed run left", hidden + ".old", number) }
    for _ in 0..<100 {
      let isNew = mkdir(hidden, 0o777) == 0
      guard isNew || errno == EEXIST else { throw systemFailure("making the folder", hidden) }
      let handle = retrying { open(hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
      guard handle >= 0 else {
        // Another run may have taken an empty folder that was not locked yet for a leftover.
        if errno == ENOENT { continue }
        let failure = systemFailure("making the folder", hidden)
        if isNew { rmdir(hidden) }
        throw failure
      }
      var isKept = false
      defer { if !isKept { close(handle) } }
      if case .held = FileLock.ask(handle) { throw anotherRun(shown) }
      guard (try? FileIdentity.isOpen(handle, under: hidden)) == true else { continue }
      guard isNew else {
        try exchange.settle()
        continue
      }
      isKept = true
      lock = handle
      return
    }
    throw anotherRun(shown)
  }

  private var taken: CheckpointError {
    CheckpointError(.exists, "the output already exists", file: shown, remedy: .allowOverwriting)
  }

  /// An error that names the folder to be where it named the hidden one, which is gone when somebody reads it.
  package static func told(_ error: CheckpointError, path: String) -> CheckpointError {
    let (shown, real) = place(of: path)
    let hidden = AtomicWriter.hiddenName(of: real, in: Path(real).folder)
    guard let file = error.file, file.hasPrefix(hidden + "/"), !FileSystem.exists(file) else { return error }
    var told = error
    told.file = shown + file.dropFirst(hidden.count)
    return told
  }

  /// A path without trailing slashes, and where it leads; `.` cannot be renamed and is reported by its real name.
  package static func place(of path: String) -> (shown: String, real: String) {
    let shown = Path(path).trimmed
    guard let real = FileSystem.resolved(path) else { return (shown.text, shown.text) }
    if ["", ".", ".."].contains(shown.name) { return (real, real) }
    return (shown.text, Names.target(ofLink: shown.text) == nil ? shown.text : real)
  }
}
