import Base

extension Checkpoint {
  /// Opens a folder: finds its weights and validates them.
  ///
  /// - Throws: `missing` when there are none, with words about what is there instead.
  static func openFolder(_ path: String) throws(CheckpointError) -> Checkpoint {
    let folder = try HuggingFaceFolder(path: path)
    let contents = try HuggingFaceWeights.open(path)
    return Checkpoint(
      format: .huggingFace, path: path, tensors: contents.tensors, metadata: contents.metadata, folder: folder)
  }
}

/// Finds the weights of a folder.
private enum HuggingFaceWeights {
  /// `model.safetensors` if it is there, else the index, else the only safetensors file, else an adapter's.
  static func open(_ folder: String) throws(CheckpointError) -> SafetensorsReader.Contents {
    let single = folder + "/model.safetensors"
    if try FileSystem.isFileThere(single) { return try SafetensorsReader.open(single) }
    let (names, odd) = try FileSystem.listing(of: folder)
    if let name = odd.first(where: { $0.hasSuffix(".safetensors") || $0.hasSuffix(".gguf") }) {
      throw CheckpointError(
        .unsupported, "this name is not UTF-8, so it cannot be used; rename it", file: folder + "/" + name)
    }
    let indexes = names.filter { $0.hasSuffix(".safetensors.index.json") }
    if let index = indexes.first(where: { $0 == "model.safetensors.index.json" })
      ?? (indexes.count == 1 ? indexes[0] : nil)
    {
      return try SafetensorsIndex.open(folder + "/" + index)
    }
    let files = names.filter { $0.hasSuffix(".safetensors") }
    if files.count == 1 { return try openOnly(files[0], in: folder) }
    if let adapter = files.first(where: Adapter.isFileName) {
      return try SafetensorsReader.open(folder + "/" + adapter)
    }
    guard files.isEmpty else {
      throw CheckpointError(
        .missing,
        "it holds \(files.count) safetensors files and no model.safetensors.index.json that says what is where; "
          + "download the index, or name one file\(UnfinishedDownload.hint(in: folder))", file: folder)
    }
    throw explain(names, in: folder)
  }

  /// The only file, unless its name says that it is one of several.
  private static func openOnly(_ name: String, in folder: String) throws(CheckpointError) -> SafetensorsReader.Contents
  {
    if let shard = Path(name).shard, shard.count > 1 {
      throw CheckpointError(
        .missing,
        "it holds one of several safetensors files and no index; download the whole model, or name the file"
          + UnfinishedDownload.hint(in: folder),
        file: folder + "/" + name)
    }
    return try SafetensorsReader.open(folder + "/" + name)
  }

  private static func explain(_ names: [String], in folder: String) -> CheckpointError {
    if let trace = UnfinishedDownload.trace(in: folder) {
      return CheckpointError(
        .missing, "the folder holds no weights: \(UnfinishedDownload.words), there is \(trace)", file: folder)
    }
    if let adapter = Adapter(folder: folder) { return adapter.refusal(file: folder) }
    let models = ModelFolder.ggufModels(names)
    if !models.isEmpty {
      return CheckpointError(
        .missing,
        "the folder holds no safetensors but \(models.count) GGUF models; name one of them: \(listed(models))",
        file: folder)
    }
    if names.contains(where: {
      $0.hasPrefix("pytorch_model") && ($0.hasSuffix(".bin") || $0.hasSuffix(".bin.index.json"))
    }) {
      return CheckpointError(
        .unsupported,
        "its weights are pytorch_model.bin (pickle), which runs code when read; get or make the safetensors "
          + "form of this model", file: folder)
    }
    return CheckpointError(
      .missing, "the folder holds no weights: neither model.safetensors nor model.safetensors.index.json", file: folder)
  }
}
