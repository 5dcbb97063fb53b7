import Base

/// An opened and validated model: its tensors, its metadata, and the folder it came from if there is one.
///
/// Nothing but headers has been read. A container knows no architecture: names are as the file has them.
package struct Checkpoint: Sendable {
  /// The kind of container, found out from content.
  package enum Format: String, Sendable {
    case safetensors
    case gguf
    case huggingFace = "huggingface"
  }

  /// The kind of container.
  package let format: Format
  /// The file or folder as it was named, or as the local cache resolved it.
  package let path: String
  /// All tensors, in the order their bytes have in the files.
  package let tensors: [TensorEntry]
  /// The metadata: GGUF's pairs without `split.*`, or a safetensors header's `__metadata__` as texts.
  package var metadata: Metadata
  /// The Hugging Face folder: config, tokenizer and chat template; `nil` for a GGUF.
  package let folder: HuggingFaceFolder?
  /// What a GGUF's files hold beyond tensors and metadata; `nil` for the others.
  package let gguf: GGUFDetails?
  /// What was odd about it and what was made of that, one sentence each.
  package let notes: [String]

  private let positions: [BinaryString: Int]

  /// Assembles a checkpoint; the names of `tensors` are unique.
  init(
    format: Format, path: String, tensors: [TensorEntry], metadata: Metadata, folder: HuggingFaceFolder? = nil,
    gguf: GGUFDetails? = nil, notes: [String] = []
  ) {
    self.format = format
    self.path = path
    self.tensors = tensors
    self.metadata = metadata
    self.folder = folder
    self.gguf = gguf
    self.notes = notes
    self.positions = Dictionary(
      tensors.enumerated().map { (BinaryString($1.name), $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The same checkpoint with its tensors under other names, which are unique, and what to tell about that.
  package func with(tensors: [TensorEntry], notes more: [String]) -> Checkpoint {
    Checkpoint(
      format: format, path: path, tensors: tensors, metadata: metadata, folder: folder, gguf: gguf, notes: notes + more)
  }

  /// The tensor of a name.
  package subscript(name: String) -> TensorEntry? {
    positions[BinaryString(name)].map { tensors[$0] }
  }

  /// The tensor of a name that has to be there.
  ///
  /// - Throws: `missing` when there is none.
  package func tensor(_ name: String) throws(CheckpointError) -> TensorEntry {
    guard let entry = self[name] else {
      throw CheckpointError(.missing, "there is no such tensor", file: path, tensor: name)
    }
    return entry
  }

  /// The version of the container format; GGUF only.
  package var version: UInt32? { gguf?.version }

  /// The files its tensors lie in, each once, in order.
  package var files: [InputFile] {
    var seen: Set<BinaryString> = []
    return tensors.map(\.file).filter { seen.insert(BinaryString($0.path)).inserted }
  }

  /// The stored bytes of all tensors together.
  package var totalBytes: UInt64 { tensors.reduce(0) { $0 &+ UInt64($1.byteCount) } }

  /// The number of weights of all tensors together.
  package var parameterCount: UInt64 { tensors.reduce(0) { $0 &+ UInt64($1.shape.elementCount) } }

  /// The scheme, for example `GPTQ`, by which the weights of a folder were packed; `nil` when they are plain.
  package var packedScheme: String? { folder?.packedScheme }

  /// What it is where it is not a model by itself: an adapter, and of what; nil for a model.
  package var adapterDescription: String? { Adapter(self)?.description }

  /// Refuses weights packed by a scheme that quern cannot unpack, and those of an adapter, which are not a model.
  ///
  /// Showing such a checkpoint is fine; call this before its weights are used.
  ///
  /// - Parameter schemes: those that are taken apart.
  /// - Throws: `unsupported`, naming the scheme or the adapter's base.
  package func requirePlainWeights(besides schemes: Set<String> = []) throws(CheckpointError) {
    if let adapter = Adapter(self) { throw adapter.refusal(file: path) }
    guard let scheme = packedScheme, !schemes.contains(scheme) else { return }
    throw CheckpointError(
      .unsupported,
      "its weights are quantized by \(scheme), which cannot be read yet; use the original, unquantized model",
      file: path)
  }
}

/// What the files of a GGUF hold beyond tensors and metadata.
package struct GGUFDetails: Sendable {
  /// The format's version: 2 or 3.
  package let version: UInt32
  /// The files in order; one unless it is split.
  package let shards: [GGUFShard]
}

/// One file of a GGUF, kept exactly so that it can be written again byte for byte.
package struct GGUFShard: Sendable {
  /// The file's path.
  package let path: String
  /// All its pairs, `split.*` included.
  package let metadata: Metadata
  /// Its tensors in order.
  package let tensors: [TensorEntry]
  /// The format's version: 2 or 3.
  package let version: UInt32
  /// The alignment of tensor data in bytes.
  package let alignment: UInt64
  /// Where tensor data begins.
  package let dataOffset: UInt64
  /// Zero bytes after the last tensor: from none to what alignment asks, or more that mean nothing.
  package let trailingBytes: UInt64

  /// Where the last tensor ends.
  package var dataEnd: UInt64 { tensors.last.map { $0.offset + UInt64($0.byteCount) } ?? dataOffset }
}
