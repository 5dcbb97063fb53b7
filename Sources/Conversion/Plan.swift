import Containers
import Quants
import Base

/// Everything a conversion is going to do, complete and checked before a byte is written.
package struct Plan: Sendable {
  /// The sources as they were named.
  package let sources: [String]
  /// Files that are read beside them: importance, a recipe.
  let alsoRead: [String]
  package internal(set) var files: [PlannedFile]
  /// Which type every tensor of the first file gets.
  package let recipe: Recipe
  /// What was found out and decided, one sentence each.
  package internal(set) var notes: [String]
  package let overwrite: Bool
  /// Where SHA-256 sums go; nil when none are computed.
  package let checksums: String?
  /// Where the recipe goes as a text; nil when it is not kept.
  package let savedRecipe: String?
  /// What says how tensors are encoded while they are; nil for the plain rules.
  package let guide: (any EncodingGuide)?

  /// Gathers what was planned.
  package init(sources: [String], files: [PlannedFile], _ options: ConversionOptions, notes: [String]) {
    self.sources = sources
    alsoRead = (options.guide?.files ?? []) + (options.recipeFile.map { [$0] } ?? [])
    self.files = files
    recipe = options.fullRecipe
    self.notes = notes
    overwrite = options.overwrite
    checksums = options.checksums
    savedRecipe = options.savedRecipe
    guide = options.guide
  }

  /// Stored bytes that will be read.
  package var bytesIn: UInt64 {
    files.reduce(0) { sum, file in
      file.tensors.reduce(sum) { $0 + $1.sources.reduce(UInt64(0)) { $0 + UInt64($1.byteCount) } }
    }
  }

  /// Bytes of all outputs together.
  package var bytesOut: UInt64 { files.reduce(0) { $0 + $1.bytes } }

  /// Free bytes on the disk of the first output; nil when the system does not say.
  package var bytesFree: UInt64? {
    files.first.flatMap { AtomicWriter.freeBytes(in: Path($0.path).folder) }
  }

  /// Refuses what can be known to fail or to destroy: an output that exists or is a source, two of one name, a folder
  /// that is not there, a disk without room.
  package func check() throws(CheckpointError) {
    for file in files { try file.checkImportance() }
    try checkOutputs()
    if let free = bytesFree, free < bytesOut {
      throw CheckpointError(
        .noSpace,
        "the output needs \(bytesOut) bytes and the disk has \(free) free; free some space or choose another place",
        file: files.first?.path)
    }
  }

  /// Checks the names of all outputs.
  func checkOutputs() throws(CheckpointError) {
    var check = try OutputCheck(self)
    for file in files {
      if case .folder = file.container {
        try check.folder(file.path, names: Set(file.paths.map { String($0.dropFirst(file.path.count + 1)) }))
      } else if !overwrite, file.keepsEqual, file.existsEqual() {
        continue
      } else {
        let remedy: Remedy = file.keepsEqual ? .placeVision : .allowOverwriting
        for path in file.paths { try check.file(path, mayReplaceSource: files.count == 1, remedy: remedy) }
      }
    }
    if let checksums { try check.file(checksums) }
    if let savedRecipe { try check.file(savedRecipe) }
  }
}

/// One output of a plan: a GGUF (perhaps split), or a Hugging Face folder.
package struct PlannedFile: Sendable {
  /// What is written, and where everything in it lies.
  package enum Container: Sendable {
    case gguf(GGUFLayout)
    /// A GGUF written again exactly as it is.
    case unchanged(GGUFShard)
    /// A folder with these documents beside its tensors.
    case folder(SafetensorsLayout, shardSize: UInt64?, documents: [(name: String, bytes: [UInt8])])
  }

  /// The file or folder to be.
  package let path: String
  package let container: Container
  /// The metadata of a GGUF; empty for a folder.
  package let metadata: Metadata
  package internal(set) var tensors: [PlannedTensor]
  /// Bytes of the output, headers included.
  package let bytes: UInt64
  /// Whether a file of the same bytes that exists under its name already is kept: a vision encoder that goes with
  /// every quantization of its model.
  package internal(set) var keepsEqual = false

  /// Weights of all tensors together.
  package var parameterCount: Int { tensors.reduce(0) { $0 + $1.shape.elementCount } }

  /// The names the output's files will have.
  package var paths: [String] {
    switch container {
    case .gguf(let layout): GGUFWriter.paths(path, layout)
    case .unchanged: [path]
    case .folder(let layout, _, let documents):
      SafetensorsWriter.paths(path + "/model.safetensors", layout) + documents.map { path + "/" + $0.name }
    }
  }

  /// Refuses types whose codec means nothing without importance: the reference refuses them too.
  func checkImportance() throws(CheckpointError) {
    for tensor in tensors
    where !tensor.isCopy && tensor.guidance == .none && tensor.type.codec?.needsImportance == true {
      throw CheckpointError(
        .missing, "\(tensor.type.name) needs importance; choose another type", file: path, tensor: tensor.name)
    }
  }

  /// Whether a file of the same length and header exists under the name; what follows is compared when it is known.
  func existsEqual() -> Bool {
    guard case .gguf(let layout) = container, layout.parts.count == 1, let existing = try? InputFile(path: path),
      existing.size == bytes
    else { return false }
    let header = layout.parts[0].header
    return (try? existing.readBytes(at: 0, count: header.count)) == header
  }

  /// Lays out a GGUF.
  package init(
    path: String, metadata: Metadata, tensors: [PlannedTensor], splitSize: UInt64?, version: UInt32 = 3
  ) throws(CheckpointError) {
    let descriptions = tensors.map { TensorDescription(name: $0.name, type: $0.type, shape: $0.shape) }
    let layout = try GGUFLayout(
      metadata: metadata, tensors: descriptions, splitSize: splitSize, version: version)
    self.path = path
    self.metadata = metadata
    self.tensors = tensors
    container = .gguf(layout)
    bytes = layout.totalBytes
  }

  /// Plans to write a GGUF again exactly as it is.
  init(path: String, unchanged shard: GGUFShard, tensors: [PlannedTensor]) {
    self.path = path
    self.metadata = shard.metadata
    self.tensors = tensors
    container = .unchanged(shard)
    bytes = shard.dataEnd + shard.trailingBytes
  }

  /// Lays out a Hugging Face folder.
  init(
    folder: String, tensors: [PlannedTensor], documents: [(name: String, bytes: [UInt8])], shardSize: UInt64?
  ) throws(CheckpointError) {
    let descriptions = tensors.map { TensorDescription(name: $0.name, type: $0.type, shape: $0.shape) }
    let layout = try SafetensorsLayout(
      metadata: [("format", "pt")], tensors: descriptions, shardSize: shardSize)
    path = folder
    metadata = Metadata()
    self.tensors = tensors
    container = .folder(layout, shardSize: shardSize, documents: documents)
    bytes = layout.totalBytes + documents.reduce(0) { $0 + UInt64($1.bytes.count) }
  }
}
