import Base

/// Finds out which model a folder stands for.
enum ModelFolder {
  /// The folder itself, the snapshot of a folder of the Hugging Face cache, or the only GGUF that a folder without
  /// safetensors holds.
  ///
  /// - Throws: `missing` for a cache folder without a snapshot that can be told.
  static func place(_ path: String) throws(CheckpointError) -> Containers.Place {
    let folder = try HubCache.snapshot(inFolder: path) ?? path
    guard let names = try? FileSystem.listing(of: folder).names else { return .folder(folder) }
    if names.contains(where: { $0.hasSuffix(".safetensors") || $0.hasSuffix(".safetensors.index.json") }) {
      return .folder(folder)
    }
    let models = ggufModels(names)
    return models.count == 1 ? .file(folder + "/" + models[0]) : .folder(folder)
  }

  /// The GGUF models among names: of a split one its first file; projectors and importance matrices are none, unless
  /// there is nothing else.
  static func ggufModels(_ names: [String]) -> [String] {
    let files = names.filter { $0.lowercased().hasSuffix(".gguf") }
    let models = files.filter { name in !["mmproj", "imatrix"].contains { name.lowercased().hasBytes(of: $0) } }
    var firsts: [String] = []
    var sets: [Path.Shard] = []
    for name in models.isEmpty ? files : models {
      if let shard = Path(name).shard {
        if sets.contains(where: { shard.isSibling(of: $0) }) { continue }
        sets.append(shard)
      }
      firsts.append(name)
    }
    return firsts
  }
}
