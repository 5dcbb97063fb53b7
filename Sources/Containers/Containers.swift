import Tensors

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
    if try FileSystem.existsForSure(path) { return .file(path) }
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
    let file = try InputFile(path: path)
    guard file.size > 0 else { throw CheckpointError(.malformed, "the file is empty", file: path) }
    let start = try file.readBytes(at: 0, count: Int(min(file.size, 64)))
    if start.starts(with: GGUFFormat.magic) { return try .openGGUF(file) }
    if SafetensorsReader.matches(start) { return try openSafetensors(file) }
    if start.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) == UInt8(ascii: "{") {
      return try openIndex(file)
    }
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
        .unsupported, "this JSON is no index of safetensors files (it has no weight_map); name the model's folder",
        file: file.path)
    }
    let contents = try SafetensorsIndex(document, path: file.path).open(budget: budget)
    return Checkpoint(
      format: .safetensors, path: file.path, tensors: contents.tensors, metadata: contents.metadata,
      folder: try folder(around: file))
  }

  /// The folder of a file that was named directly, if it is a model's folder.
  private static func folder(around file: InputFile) throws(CheckpointError) -> HuggingFaceFolder? {
    let path = AtomicWriter.folder(of: file.path)
    return FileSystem.isFile(path + "/config.json") ? try HuggingFaceFolder(path: path) : nil
  }

  /// Says what a file that no container claims seems to be.
  private static func explain(_ start: [UInt8], _ file: InputFile) -> CheckpointError {
    let known: [(start: [UInt8], what: String)] = [
      (Array("FUGG".utf8), "this is a GGUF with its bytes in big-endian order; only little-endian files are read"),
      (
        Array("version https://git-lfs".utf8), "this is a Git LFS pointer, not the file itself; fetch it (git lfs pull)"
      ),
      (
        [0x50, 0x4B, 0x03, 0x04],
        "this is a zip archive, as PyTorch writes them; get the safetensors form of this model"
      ),
      ([0x80, 0x02], "this is a Python pickle, which runs code when read; get the safetensors form of this model"),
      (Array("lmgg".utf8), "this is GGML, a format before GGUF; convert the original model again"),
      (Array("fmgg".utf8), "this is GGMF, a format before GGUF; convert the original model again"),
      (Array("tjgg".utf8), "this is GGJT, a format before GGUF; convert the original model again"),
      ([0x89, 0x48, 0x44, 0x46], "this is HDF5, which is not read; get the safetensors form of this model"),
      (Array("<".utf8), "this is a web page, not a model; the download went wrong"),
    ]
    if let match = known.first(where: { start.starts(with: $0.start) }) {
      return CheckpointError(.unsupported, match.what, file: file.path)
    }
    if start.count < 9 {
      return CheckpointError(
        .malformed, "the file ends after \(file.size) bytes, inside what could be any header", file: file.path)
    }
    return CheckpointError(
      .malformed, "neither GGUF (no magic) nor safetensors: the header has to begin with { at byte 8", file: file.path,
      offset: 0)
  }
}
