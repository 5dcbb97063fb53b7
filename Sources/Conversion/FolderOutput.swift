import Containers
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A folder that appears under its name with everything in it, or not at all.
///
/// Its files are written without names, or hidden, beside the place of the folder. When all are complete they are named
/// in a hidden folder, which then takes the place in one step. A run that is killed in that moment may leave the hidden folder;
/// the next one takes it over.
final class FolderOutput {
  /// The folder to be.
  private let path: String
  /// Where files are kept until they are named: the folder that will hold the new one.
  let staging: String
  /// The hidden folder; there only while files are named.
  let temporary: String
  /// Where a folder that stood in the place goes while the new one takes it.
  private var old: String { temporary + ".old" }
  /// Holds the lock of the hidden folder, which tells the folder of a run that is alive from a leftover; negative without.
  private var lock: Int32 = -1
  private var documents: [(writer: AtomicWriter, sha256: String?)] = []

  /// Prepares a folder; nothing is made yet.
  init(_ path: String) {
    let place = Self.place(of: path)
    self.path = place
    staging = AtomicWriter.folder(of: place)
    temporary = AtomicWriter.hiddenName(of: place, in: staging)
  }

  deinit {
    if lock >= 0 { close(lock) }
  }

  /// Writes and syncs the documents that belong beside the weights.
  func write(_ files: [(name: String, bytes: [UInt8])], checksums: Bool) throws(CheckpointError) {
    for file in files {
      let writer = try AtomicWriter(path: temporary + "/" + file.name, in: staging, hashing: checksums)
      try writer.write(file.bytes)
      documents.append((writer, try writer.seal()))
    }
  }

  /// Makes the hidden folder, and names everything in it: first what `weights` names, then the documents.
  func fill(_ weights: () throws(CheckpointError) -> Void) throws(CheckpointError) {
    try makeTemporary()
    try weights()
    for (writer, _) in documents {
      let folder = AtomicWriter.folder(of: writer.path)
      if folder != temporary, mkdir(folder, 0o777) != 0, errno != EEXIST {
        throw systemFailure("making the folder", folder)
      }
      try writer.commit()
      if folder != temporary { syncFolder(folder) }
    }
  }

  /// Makes the hidden folder, or empties the one that a killed run left.
  private func makeTemporary() throws(CheckpointError) {
    let isNew = mkdir(temporary, 0o777) == 0
    guard isNew || errno == EEXIST else { throw systemFailure("making the folder", temporary) }
    let handle = open(temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard handle >= 0 else { throw systemFailure("making the folder", temporary) }
    guard flock(handle, LOCK_EX | LOCK_NB) == 0 else {
      close(handle)
      throw CheckpointError(.inputOutput, "another run is writing this output now", file: path)
    }
    lock = handle
    if !isNew { emptyTemporary() }
  }

  /// Everything in the folder, under the names it has after ``publish()``.
  func published(_ weights: [WrittenFile]) -> [WrittenFile] {
    let files =
      weights
      + documents.map { writer, sum in
        WrittenFile(path: writer.path, bytes: writer.position, sha256: sum, tensors: [])
      }
    return files.map { file in
      WrittenFile(
        path: path + file.path.dropFirst(temporary.count), bytes: file.bytes, sha256: file.sha256, tensors: file.tensors
      )
    }
  }

  /// Gives the folder its place; one that stands there is exchanged, and what quern did not write is carried over.
  func publish() throws(CheckpointError) {
    syncFolder(temporary)
    try finishExchange()
    if rename(temporary, path) != 0 {
      guard errno == EEXIST || errno == ENOTEMPTY else { throw systemFailure("naming the folder", path) }
      // Both folders are whole at every moment; only which of them has the name changes.
      guard rename(path, old) == 0 else { throw systemFailure("setting the old folder aside", path) }
      guard rename(temporary, path) == 0 else {
        let failure = systemFailure("naming the folder", path)
        rename(old, path)
        throw failure
      }
      try keepOthers()
    }
    syncFolder(staging)
  }

  /// Does what is left of an exchange in which an earlier run was killed.
  private func finishExchange() throws(CheckpointError) {
    guard FileSystem.isFolder(old) else { return }
    if FileSystem.exists(path) { return try keepOthers() }
    guard rename(old, path) == 0 else { throw systemFailure("giving the old folder its name back", path) }
  }

  /// Moves what quern did not write from the old folder to the one that has the place, and removes the rest.
  private func keepOthers() throws(CheckpointError) {
    let new = Set(try FileSystem.names(in: path))
    for name in try FileSystem.names(in: old) {
      if new.contains(name) || Self.isWeights(name), unlink(old + "/" + name) == 0 { continue }
      if rename(old + "/" + name, path + "/" + name) == 0 { continue }
      // A folder in the way, such as one of templates: its files are replaced one by one.
      for inner in (try? FileSystem.names(in: old + "/" + name)) ?? [] {
        let from = "\(old)/\(name)/\(inner)"
        if FileSystem.exists("\(path)/\(name)/\(inner)") || rename(from, "\(path)/\(name)/\(inner)") != 0 {
          unlink(from)
        }
      }
      rmdir(old + "/" + name)
    }
    guard rmdir(old) == 0 else { throw systemFailure("removing the old folder", old) }
  }

  /// Throws everything away.
  func remove() {
    for (writer, _) in documents { writer.abandon() }
    // Without the lock it is another run's folder.
    guard lock >= 0 else { return }
    emptyTemporary()
    rmdir(temporary)
  }

  private func emptyTemporary() {
    for name in (try? FileSystem.names(in: temporary)) ?? [] {
      for inner in (try? FileSystem.names(in: temporary + "/" + name)) ?? [] { unlink("\(temporary)/\(name)/\(inner)") }
      if unlink(temporary + "/" + name) != 0 { rmdir(temporary + "/" + name) }
    }
  }

  /// Weights of an earlier output, which would be read together with the new ones.
  static func isWeights(_ name: String) -> Bool {
    if name == "model.safetensors" || name == "model.safetensors.index.json" { return true }
    // model-00001-of-00003.safetensors
    guard name.hasPrefix("model-"), name.hasSuffix(".safetensors") else { return false }
    let numbers = name.dropFirst(6).dropLast(12).split(separator: "-", omittingEmptySubsequences: false)
    return numbers.count == 3 && numbers[1] == "of" && numbers[0].count == 5 && numbers[2].count == 5
      && (numbers[0] + numbers[2]).allSatisfy { $0.isASCII && $0.isNumber }
  }

  /// A path without trailing slashes; of a folder that is there, its real one, since `.` cannot be renamed.
  static func place(of path: String) -> String {
    if let real = realpath(path, nil) {
      defer { free(real) }
      // What was named is what is reported, unless that is a place that has no name of its own.
      let last = path.split(separator: "/").last
      if last == nil || last == "." || last == ".." { return String(cString: real) }
    }
    var place = Substring(path)
    while place.count > 1, place.hasSuffix("/") { place.removeLast() }
    return String(place)
  }
}
