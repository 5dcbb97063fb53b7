import Libc

/// A hidden folder that takes the place of one that stands, and everything in that which does not belong to an output comes with it.
///
/// What somebody else put there is reachable under its own name at every instant: files get a second name in the hidden
/// folder before it takes the place; for anything else a link goes there that leads to where it will be, and the two are
/// exchanged afterwards. Nothing is removed but names: of what has another, of such links, and of the older output's files.
package struct FolderExchange {
  /// The new folder, and the old one when they are exchanged.
  let hidden: String
  let place: String
  /// Names of the new output.
  let names: Set<String>
  /// Names of documents that an earlier run may have been writing.
  let earlier: Set<String>
  /// Whether the new folder has the place.
  private(set) var isDone = false
  /// Where a link stands for what it leads to, and where that is home already.
  private var links: [String] = []
  private var home: [String] = []

  init(hidden: String, place: String, names: Set<String>, earlier: Set<String>) {
    self.hidden = hidden
    self.place = place
    self.names = names
    self.earlier = earlier
  }

  // MARK: What stands in the way

  /// What is in a folder and no output's, refusing what could not be kept.
  package static func others(in place: String, names: Set<String>) throws(CheckpointError) -> [String] {
    if Names.isMount(place) {
      throw CheckpointError(
        .exists, "this folder is a mount and cannot be replaced; name a folder inside it", file: place)
    }
    var others: [String] = []
    for name in try FileSystem.names(in: place) {
      let entry = place + "/" + name
      // It may have gone meanwhile.
      guard let status = try FileStatus(entry: entry) else { continue }
      if Names.isMount(entry) {
        throw CheckpointError(
          .exists, "something is mounted here and cannot be moved into the new folder; choose another folder",
          file: entry)
      }
      let isFolder = status.kind == .folder
      if names.contains(name) || isWeights(name) {
        guard !isFolder else {
          throw CheckpointError(
            .exists, "this is a folder where a file of the output goes; move it or choose another folder", file: entry)
        }
        continue
      }
      if isFolder, access(entry, W_OK) != 0 {
        guard [EACCES, EPERM, EROFS].contains(errno) else { throw systemFailure("looking it up", entry) }
        throw CheckpointError(
          .exists, "this folder may not be moved into the new one; choose another folder", file: entry)
      }
      others.append(name)
    }
    return others
  }

  /// Weights of an earlier output, which would be read together with the new ones.
  static func isWeights(_ name: String) -> Bool {
    if name == "model.safetensors" || name == "model.safetensors.index.json" { return true }
    guard let shard = Path(name).shard else { return false }
    return shard.stem == "model" && shard.ending == ".safetensors"
  }

  // MARK: The exchange

  /// Brings what does not belong to an output into the hidden folder, as a second name or as a link to where it will be.
  mutating func bringOthers() throws(CheckpointError) {
    for name in try Self.others(in: place, names: names) {
      let (from, to) = (place + "/" + name, hidden + "/" + name)
      if !Names.isFolder(entry: from), linkat(AT_FDCWD, from, AT_FDCWD, to, 0) == 0 { continue }
      guard symlink(target(name), to) == 0 else {
        throw CheckpointError(
          .inputOutput, "this cannot be brought into the new folder; choose another folder", file: from,
          cause: systemMessage())
      }
      links.append(name)
    }
  }

  /// Gives the new folder the place and everything its home; after a failure all is as it was.
  mutating func exchange() throws(CheckpointError) {
    let number = Names.exchange(hidden, place)
    guard number == 0 else { throw systemFailure("taking the place of the old folder", place, number) }
    isDone = true
    for name in links {
      let number = Names.exchange(hidden + "/" + name, place + "/" + name)
      guard number == 0 else {
        var failure = systemFailure("moving it into the new folder", place + "/" + name, number)
        do throws(CheckpointError) {
          try undo()
        } catch {
          failure.message += "; " + error.sentence()
        }
        throw failure
      }
      home.append(name)
    }
  }

  /// Gives the old folder its place back.
  mutating func undo() throws(CheckpointError) {
    while let name = home.last {
      let number = Names.exchange(hidden + "/" + name, place + "/" + name)
      guard number == 0 else { throw systemFailure("moving it back", place + "/" + name, number) }
      home.removeLast()
    }
    let number = Names.exchange(hidden, place)
    guard number == 0 else {
      throw systemFailure("the new folder is complete, and giving the old one its place back", hidden, number)
    }
    isDone = false
  }

  // MARK: The hidden folder's end

  /// Removes the hidden folder: the old one after an exchange, the new one when there is none, or what a killed run left.
  ///
  /// - Throws: `inputOutput` for what is neither an output's nor in the place as well and cannot be moved there.
  func settle() throws(CheckpointError) {
    for name in try FileSystem.names(in: hidden) {
      let (here, there) = (hidden + "/" + name, place + "/" + name)
      if isLink(here) {
        try remove(here)
      } else if Names.target(ofLink: there) == target(name) {
        let number = Names.exchange(here, there)
        guard number == 0 else { throw systemFailure("moving it into the new folder", here, number) }
        try remove(here)
      } else if let standing = FileIdentity(entry: there), standing == FileIdentity(entry: here) {
        try remove(here)
      } else if isOutput(name), !Names.isFolder(entry: here) {
        try remove(here)
      } else {
        let number = Names.renameNew(here, there)
        guard number == 0 else {
          throw CheckpointError(
            .inputOutput, "a killed run left this in a hidden folder; move it to where it belongs and run again",
            file: here, cause: systemMessage(number))
        }
      }
    }
    guard rmdir(hidden) == 0 else { throw systemFailure("removing the hidden folder", hidden) }
  }

  private func remove(_ path: String) throws(CheckpointError) {
    guard unlink(path) == 0 else { throw systemFailure("removing it", path) }
  }

  /// What a link in the place says that stands for something in the hidden folder.
  private func target(_ name: String) -> String { targetFolder + name }

  private var targetFolder: String { "../\(Path(hidden).name)/" }

  private func isLink(_ path: String) -> Bool { Names.target(ofLink: path)?.hasPrefix(targetFolder) == true }

  /// Names of this output, and of others that an earlier run may have been writing.
  private func isOutput(_ name: String) -> Bool {
    names.contains(name) || Self.isWeights(name) || earlier.contains(name)
  }
}
