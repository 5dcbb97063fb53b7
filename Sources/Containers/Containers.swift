import Base

/// Opens whatever the command line calls a source.
package enum Containers {
  /// What a source turned out to be before anything of it was read.
  package enum Place: Sendable, Equatable {
    case folder(String)
    case file(String)
  }

  /// Finds a source: a path that exists, or a model id in the local Hugging Face cache.
  ///
  /// A folder of the cache is its snapshot, and one that holds a single GGUF is that file.
  ///
  /// - Throws: `missing` when it is neither, `inputOutput` when that cannot be found out.
  package static func resolve(_ source: String) throws(CheckpointError) -> Place {
    let path = source.utf8.count > 1 && source.hasSuffix("/") ? String(source.dropLast()) : source
    if FileSystem.isFolder(path) { return try ModelFolder.place(path) }
    if try FileSystem.isThere(path) { return .file(path) }
    if HubCache.isModelID(source) { return try ModelFolder.place(HubCache.snapshot(of: source)) }
    throw CheckpointError(.missing, "there is no such file or folder", file: source)
  }

  /// Opens and validates a source: a Hugging Face folder, a safetensors file or its index, a GGUF (any file of a split
  /// one), or a model id of the local cache.
  ///
  /// What a file is, is decided by its content, never by its name.
  ///
  /// - Throws: `missing`, `malformed`, `unsupported` or `mismatch` with the place and the rule that was broken.
  package static func open(_ source: String) throws(CheckpointError) -> Checkpoint {
    switch try resolve(source) {
    case .folder(let path): try Checkpoint.openFolder(path)
    case .file(let path): try openFile(path)
    }
  }

  private static func openFile(_ path: String) throws(CheckpointError) -> Checkpoint {
    try UnfinishedDownload.refuse(path)
    let file = try InputFile(path: path)
    let start = try file.readBytes(at: 0, count: Int(min(file.size, 64)))
    if start.starts(with: GGUFFormat.magic) { return try .openGGUF(file) }
    if SafetensorsReader.hasLength(start) { return try openSafetensors(file) }
    if start.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) == UInt8(ascii: "{")
      || start.starts(with: byteOrderMark + "{".utf8)
    {
      return try openIndex(file)
    }
    try ForeignContent.refuse(in: file, where: .weights)
    if SafetensorsReader.matches(start) { return try openSafetensors(file) }
    throw explain(start, file)
  }

  private static func openSafetensors(_ file: InputFile) throws(CheckpointError) -> Checkpoint {
    let contents = try SafetensorsReader.read(file)
    return Checkpoint(
      format: .safetensors, path: file.path, tensors: contents.tensors, metadata: contents.metadata,
      folder: try folder(around: file))
  }

  private static func openIndex(_ file: InputFile) throws(CheckpointError) -> Checkpoint {
    var budget = MemoryBudget()
    let document = try JSONDocument.read(file.path, budget: &budget)
    guard SafetensorsIndex.matches(document) else {
      throw CheckpointError(
        .unsupported, "this JSON is not an index of safetensors files (it has no weight_map); name the model's folder",
        file: file.path)
    }
    let contents = try SafetensorsIndex(document, path: file.path).open(budget: budget)
    return Checkpoint(
      format: .safetensors, path: file.path, tensors: contents.tensors, metadata: contents.metadata,
      folder: try folder(around: file))
  }

  /// The folder of a file that was named directly, if it is a model's folder.
  private static func folder(around file: InputFile) throws(CheckpointError) -> HuggingFaceFolder? {
    let path = Path(file.path).folder
    let config = path + "/config.json"
    return try FileSystem.isFileThere(config) ? try HuggingFaceFolder(path: path) : nil
  }

  /// Says what a file that no container claims lacks.
  private static func explain(_ start: [UInt8], _ file: InputFile) -> CheckpointError {
    let name = file.path
    if UnfinishedDownload.isName(name) {
      return CheckpointError(
        .malformed, "neither GGUF nor safetensors; by its name \(UnfinishedDownload.words)", file: name)
    }
    if start.count < 9 {
      return CheckpointError(
        .malformed, "the file ends after \(file.size) bytes, inside what could be any header", file: name)
    }
    return CheckpointError(
      .malformed, "neither GGUF (no magic) nor safetensors: the header has to begin with { at byte 8", file: name,
      offset: 0)
  }
}
