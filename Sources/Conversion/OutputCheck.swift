import Containers
import Base
import Libc

/// Refuses outputs that could not be written, or whose writing would destroy something that nobody asked to replace.
package struct OutputCheck {
  private struct Place: Hashable {
    let folder: FileIdentity
    let name: BinaryString
  }

  private let overwrite: Bool
  /// Files the model is read from.
  private var inputs: Set<FileIdentity> = []
  /// Folders the model is read from.
  private var folders: Set<FileIdentity> = []
  private var taken: Set<Place> = []
  /// Folders of which every file is read.
  private var closed: Set<FileIdentity> = []
  /// Files beside the model that are read: importance, a recipe.
  private var alsoRead: Set<FileIdentity> = []
  /// Folders that are written, where they stand already.
  private var written: Set<FileIdentity> = []

  /// Prepares to check the outputs of a plan against its sources.
  init(_ plan: Plan) throws(CheckpointError) {
    var paths = Set(plan.sources.map { BinaryString($0) })
    for file in plan.files {
      for tensor in file.tensors { for source in tensor.sources { paths.insert(BinaryString(source.file.path)) } }
    }
    try self.init(sources: paths.map(\.text), overwrite: plan.overwrite)
    for path in plan.alsoRead { if let status = try FileStatus(of: path) { alsoRead.insert(status.identity) } }
  }

  /// Prepares to check outputs against the files and folders a model is read from, and folders of which every file is read.
  package init(sources: [String], folders closed: [String] = [], overwrite: Bool) throws(CheckpointError) {
    self.overwrite = overwrite
    for path in closed {
      if let status = try FileStatus(of: path), status.kind == .folder { self.closed.insert(status.identity) }
    }
    for path in sources {
      guard let status = try FileStatus(of: path) else { continue }
      if status.kind == .folder { folders.insert(status.identity) } else { inputs.insert(status.identity) }
    }
  }

  /// Checks one file to be.
  ///
  /// - Parameters:
  ///   - path: its name.
  ///   - mayReplaceSource: whether it may take the place of the one file it is made from.
  ///   - remedy: what would help when it exists.
  /// - Throws: `exists` for a name that is taken or of which something is read, `inputOutput` for a folder that is missing.
  package mutating func file(
    _ path: String, mayReplaceSource: Bool = false, remedy: Remedy = .allowOverwriting
  ) throws(CheckpointError) {
    try take(path)
    do throws(CheckpointError) {
      try AtomicWriter.checkOutput(path, overwrite: overwrite)
    } catch {
      var failure = error
      if failure.remedy == .allowOverwriting { failure.remedy = remedy }
      throw failure
    }
    let parent = try FileStatus(of: Path(path).folder)?.identity
    if let parent, written.contains(parent) {
      throw CheckpointError(
        .exists, "it would lie in the folder that is written; choose another place for it", file: path)
    }
    if let parent, closed.contains(parent) {
      throw CheckpointError(
        .exists, "it would lie in a folder of which every file is read; choose another place for it", file: path)
    }
    guard let existing = try FileStatus(of: path)?.identity else { return }
    if alsoRead.contains(existing) {
      throw CheckpointError(
        .exists, "importance or a recipe is read from this file; choose another place for the output", file: path)
    }
    let isSource = inputs.contains(existing)
    let isInSource = parent.map { folders.contains($0) } ?? false
    if isSource && !(mayReplaceSource && inputs.count == 1 && folders.isEmpty) || isInSource {
      throw CheckpointError(
        .exists, "this file is read; choose another place for the output", file: path)
    }
  }

  /// Checks a folder to be, which will hold files of these names; a link to a folder means that folder.
  mutating func folder(_ path: String, names: Set<String>) throws(CheckpointError) {
    let place = FolderOutput.place(of: path).real
    try take(place)
    guard let status = try FileStatus(of: place) else {
      guard try FileStatus(entry: place) == nil else {
        throw CheckpointError(
          .exists, "the output is a link that leads nowhere; remove it or make the folder it leads to", file: path)
      }
      return
    }
    guard status.kind == .folder else {
      throw CheckpointError(.exists, "the output is a file; name a folder", file: path)
    }
    guard overwrite else {
      throw CheckpointError(.exists, "the output already exists", file: path, remedy: .allowOverwriting)
    }
    // What stands there beside the model is kept, so that a name that cannot be used is refused before any work.
    var holdsSource = folders.contains(status.identity)
    for name in try FileSystem.names(in: place) {
      if let entry = try FileStatus(of: place + "/" + name), inputs.contains(entry.identity) { holdsSource = true }
    }
    if holdsSource {
      throw CheckpointError(.exists, "the model is read from this folder; choose another for the output", file: path)
    }
    written.insert(status.identity)
    _ = try FolderExchange.others(in: place, names: names)
  }

  /// The folder must be there and writable, and the name not another output's.
  private mutating func take(_ path: String) throws(CheckpointError) {
    let parent = Path(path).folder
    guard let folder = try FileStatus(of: parent), folder.kind == .folder else {
      throw CheckpointError(.inputOutput, "there is no such folder; make it first", file: parent)
    }
    guard access(parent, W_OK) == 0 else { throw systemFailure("creating the output", path) }
    let name = Path(path).name
    guard taken.insert(Place(folder: folder.identity, name: BinaryString(name))).inserted else {
      throw CheckpointError(.exists, "two outputs have this name; choose another for one of them", file: path)
    }
  }
}
