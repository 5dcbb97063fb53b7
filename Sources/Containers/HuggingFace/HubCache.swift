import Base

/// The local cache that Hugging Face's tools download into; nothing is ever downloaded from here.
package enum HubCache {
  /// Where the cache is, by the rules of `huggingface_hub`: `HF_HUB_CACHE`, `HF_HOME/hub`, `XDG_CACHE_HOME`, home.
  package static var root: String? {
    if let cache = FileSystem.environment("HF_HUB_CACHE") ?? FileSystem.environment("HUGGINGFACE_HUB_CACHE") {
      return cache
    }
    if let home = FileSystem.environment("HF_HOME") { return home + "/hub" }
    if let cache = FileSystem.environment("XDG_CACHE_HOME") { return cache + "/huggingface/hub" }
    return FileSystem.environment("HOME").map { $0 + "/.cache/huggingface/hub" }
  }

  /// Whether a text has the form of a model id: `owner/name`, as the hub allows them.
  package static func isModelID(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    return parts.count == 2
      && parts.allSatisfy { part in
        !part.isEmpty && part.utf8.count <= 96 && part.first != "." && part.first != "-" && part.last != "."
          && part.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
              || byte == 0x2D || byte == 0x2E || byte == 0x5F
          }
      }
  }

  /// The folder of the snapshot that `main` points to.
  ///
  /// The cache is the environment's unless `root` is given.
  ///
  /// - Throws: `missing` when the model has not been downloaded.
  package static func snapshot(of id: String, root: String? = root) throws(CheckpointError) -> String {
    guard let root else {
      throw CheckpointError(.missing, "\(id) looks like a model id, and no Hugging Face cache is known (HF_HUB_CACHE)")
    }
    let model = root + "/" + prefix + id.replacing("/", with: "--")
    guard FileSystem.isFolder(model) else {
      throw CheckpointError(
        .missing,
        "there is no such file or folder, nor a model of that id in the local Hugging Face cache \(root); "
          + "download it first (hf download \(id))", file: id)
    }
    return try snapshot(in: model, id: id)
  }

  /// The snapshot of a folder of the cache, `models--OWNER--NAME`, that was named itself; nil for every other folder.
  static func snapshot(inFolder path: String) throws(CheckpointError) -> String? {
    let isCache = if hasCacheName(path) { true } else { try FileSystem.isFolderThere(path + "/refs") }
    guard isCache, try FileSystem.isFolderThere(path + "/snapshots"), try !FileSystem.isThere(path + "/config.json")
    else { return nil }
    var id = path.split(separator: "/").last.map(String.init) ?? path
    if hasCacheName(path) { id = String(id.dropFirst(prefix.count)).replacing("--", with: "/") }
    return try snapshot(in: path, id: id)
  }

  private static let prefix = "models--"

  private static func hasCacheName(_ path: String) -> Bool {
    path.split(separator: "/").last?.hasPrefix(prefix) == true
  }

  private static func snapshot(in model: String, id: String) throws(CheckpointError) -> String {
    let snapshots = model + "/snapshots"
    let reference = model + "/refs/main"
    if try FileSystem.isFileThere(reference) {
      let text = String(decoding: try FileSystem.read(reference, limit: 4096), as: UTF8.self)
      let revision = text.filter { !$0.isWhitespace }
      let folder = snapshots + "/" + revision
      if Path(revision).isPlain, FileSystem.isFolder(folder) { return folder }
    }
    let names = FileSystem.isFolder(snapshots) ? try FileSystem.names(in: snapshots) : []
    if names.count == 1 { return snapshots + "/" + names[0] }
    throw CheckpointError(
      .missing,
      "the local cache holds \(names.count) snapshots of \(id) and refs/main names none of them; "
        + "download it again (hf download \(id))", file: model)
  }
}
