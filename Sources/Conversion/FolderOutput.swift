import Containers
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Folders that are filled beside their final place and moved there when complete.
struct FolderOutput {
  private let folders: [(path: String, temporary: String)]

  /// Makes the temporary folder of every folder the plan writes.
  static func prepare(_ plan: Plan) throws(CheckpointError) -> FolderOutput {
    var folders: [(path: String, temporary: String)] = []
    for file in plan.files {
      guard case .folder = file.container else { continue }
      let parent = AtomicWriter.folder(of: file.path)
      let name = file.path.split(separator: "/").last.map(String.init) ?? "model"
      let temporary = "\(parent)/.\(name).\(getpid())"
      guard mkdir(temporary, 0o777) == 0 || errno == EEXIST else {
        throw CheckpointError(
          .inputOutput, "making the folder failed", file: temporary, cause: String(cString: strerror(errno)))
      }
      folders.append((file.path, temporary))
    }
    return FolderOutput(folders: folders)
  }

  /// The folder that is filled instead of `path`.
  func temporary(_ path: String) -> String { folders.first { $0.path == path }?.temporary ?? path }

  /// Writes documents into the temporary folder of `path`.
  func write(
    _ documents: [(name: String, bytes: [UInt8])], for path: String, checksums: Bool
  ) throws(CheckpointError) -> [WrittenFile] {
    var written: [WrittenFile] = []
    for document in documents {
      let name = temporary(path) + "/" + document.name
      let writer = try AtomicWriter(path: name, hashing: checksums)
      try writer.write(document.bytes)
      let sum = try writer.finish()
      written.append(WrittenFile(path: name, bytes: UInt64(document.bytes.count), sha256: sum, tensors: []))
    }
    return written
  }

  /// Moves every folder to its place; into an existing one, file by file.
  func publish() throws(CheckpointError) {
    for (path, temporary) in folders {
      if rename(temporary, path) == 0 { continue }
      guard errno == EEXIST || errno == ENOTEMPTY else { throw failure(path) }
      let names = try FileSystem.names(in: temporary)
      for stale in try FileSystem.names(in: path) where Self.isWeights(stale) && !names.contains(stale) {
        unlink(path + "/" + stale)
      }
      for name in names {
        guard rename(temporary + "/" + name, path + "/" + name) == 0 else { throw failure(path) }
      }
      rmdir(temporary)
    }
  }

  /// The files under the names they have after `publish`.
  func published(_ files: [WrittenFile]) -> [WrittenFile] {
    files.map { file in
      guard let folder = folders.first(where: { file.path.hasPrefix($0.temporary + "/") }) else { return file }
      let path = folder.path + file.path.dropFirst(folder.temporary.count)
      return WrittenFile(path: path, bytes: file.bytes, sha256: file.sha256, tensors: file.tensors)
    }
  }

  /// Throws the temporary folders away.
  func remove() {
    for (_, temporary) in folders {
      for name in (try? FileSystem.names(in: temporary)) ?? [] { unlink(temporary + "/" + name) }
      rmdir(temporary)
    }
  }

  /// Weights of an earlier output, which would be read together with the new ones.
  private static func isWeights(_ name: String) -> Bool {
    name.hasPrefix("model") && (name.hasSuffix(".safetensors") || name.hasSuffix(".safetensors.index.json"))
  }

  private func failure(_ path: String) -> CheckpointError {
    CheckpointError(.inputOutput, "naming the output failed", file: path, cause: String(cString: strerror(errno)))
  }
}
