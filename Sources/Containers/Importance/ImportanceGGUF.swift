import Quants
import Base

/// The GGUF form: per tensor `NAME.in_sum2` and `NAME.counts`.
extension ImportanceMatrix {
  static let typeName = "imatrix"
  static let datasetsKey = "imatrix.datasets"
  static let chunkCountKey = "imatrix.chunk_count"
  static let chunkSizeKey = "imatrix.chunk_size"
  private static let sumsSuffix = ".in_sum2"
  private static let countsSuffix = ".counts"

  /// Takes the sums out of an opened GGUF.
  init(_ checkpoint: Checkpoint) throws(CheckpointError) {
    let metadata = checkpoint.metadata
    guard let datasets = metadata.strings(Self.datasetsKey),
      let chunkCount = metadata.uint(Self.chunkCountKey).flatMap({ UInt32(exactly: $0) }),
      let chunkSize = metadata.uint(Self.chunkSizeKey).flatMap({ UInt32(exactly: $0) })
    else {
      throw CheckpointError(
        .malformed,
        "this is not an importance matrix: it needs imatrix.datasets, imatrix.chunk_count and imatrix.chunk_size",
        file: checkpoint.path)
    }
    var entries: [Entry] = []
    for tensor in checkpoint.tensors {
      if tensor.name.hasSuffix(Self.sumsSuffix) {
        entries.append(try Self.entry(tensor, in: checkpoint))
      } else if tensor.name.hasSuffix(Self.countsSuffix) {
        // Sums without counts are found from the other side; statistics of other kinds may stand beside both.
        let name = String(tensor.name.dropLast(Self.countsSuffix.count)) + Self.sumsSuffix
        guard checkpoint[name] != nil else { throw tensor.failure(.malformed, "there is no \(name) to it") }
      }
    }
    guard !entries.isEmpty else { throw CheckpointError(.malformed, "it has no entries", file: checkpoint.path) }
    self.init(entries: entries, datasets: datasets, chunkCount: chunkCount, chunkSize: chunkSize)
  }

  private static func entry(_ sums: TensorEntry, in checkpoint: Checkpoint) throws(CheckpointError) -> Entry {
    let name = String(sums.name.dropLast(sumsSuffix.count))
    guard !name.isEmpty else { throw sums.failure(.malformed, "it names no tensor") }
    guard let counts = checkpoint[name + countsSuffix] else {
      throw sums.failure(.malformed, "there is no \(name + countsSuffix) to it")
    }
    for tensor in [sums, counts] where tensor.type != .f32 {
      throw tensor.failure(.malformed, "sums and counts have to be F32, this is \(tensor.type.name)")
    }
    guard sums.shape.elementCount % counts.shape.elementCount == 0 else {
      throw sums.failure(
        .malformed, "\(sums.shape.elementCount) sums cannot be divided among \(counts.shape.elementCount) counts")
    }
    return Entry(name: name, sums: try sums.readFloats(), counts: try counts.readFloats())
  }

  /// Writes the GGUF form, laid out as llama-imatrix lays it out; `more` and `others` are what other programs do not look for.
  ///
  /// - Throws: `exists`, `noSpace`, `inputOutput`, and `malformed` for names too long for GGUF.
  package func write(
    to path: String, overwrite: Bool = false, beside more: Metadata = Metadata(),
    behind others: [(tensor: TensorDescription, values: [UInt8])] = []
  ) throws(CheckpointError) {
    var tensors: [TensorDescription] = []
    for entry in entries {
      let experts = entry.counts.count
      // A dimension of one on the outside is not written, as ggml does not write it.
      let columns = entry.sums.count / experts
      tensors.append(
        TensorDescription(
          name: entry.name + Self.sumsSuffix, type: .f32, shape: Shape(experts == 1 ? [columns] : [experts, columns])))
      tensors.append(
        TensorDescription(
          name: entry.name + Self.countsSuffix, type: .f32, shape: Shape(experts == 1 ? [1] : [experts, 1])))
    }
    var metadata = Metadata([
      ("general.type", .string(Self.typeName)), (Self.datasetsKey, .array(.string(TextList(datasets)))),
      (Self.chunkCountKey, .uint32(chunkCount ?? 0)), (Self.chunkSizeKey, .uint32(chunkSize ?? 0)),
    ])
    for (key, value) in more.entries { metadata[key] = value }
    let writer = try GGUFWriter(
      path: path, metadata: metadata, tensors: tensors + others.map(\.tensor), overwrite: overwrite)
    do throws(CheckpointError) {
      var index = 0
      for entry in entries {
        for values in [entry.sums, entry.counts] {
          try writer.beginTensor(index)
          try writer.write(values)
          try writer.endTensor()
          index += 1
        }
      }
      for other in others {
        try writer.beginTensor(index)
        try writer.write(other.values)
        try writer.endTensor()
        index += 1
      }
      _ = try writer.finish()
    } catch {
      writer.abandon()
      throw error
    }
  }
}

extension GGUFWriter {
  /// Writes numbers as F32.
  fileprivate func write(_ values: [Float]) throws(CheckpointError) {
    try write(values.map { $0.bitPattern.littleEndian }.withUnsafeBytes { Array($0) })
  }

  /// Writes bytes as they are.
  fileprivate func write(_ bytes: [UInt8]) throws(CheckpointError) {
    let result = bytes.withUnsafeBytes { bytes in Result { () throws(CheckpointError) in try write(bytes) } }
    try result.get()
  }
}
