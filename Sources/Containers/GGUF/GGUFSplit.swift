import Base

/// A GGUF in several files, named `NAME-00001-of-00003.gguf` and on.
enum GGUFSplit {
  /// The number of files a shard says there are; 1 when it says nothing.
  static func count(of shard: GGUFShard) throws(CheckpointError) -> Int {
    guard let value = shard.metadata[GGUFFormat.splitCountKey] else {
      for key in [GGUFFormat.splitNumberKey, GGUFFormat.splitTensorsKey] where shard.metadata[key] != nil {
        throw CheckpointError(.malformed, "\(key) is there without \(GGUFFormat.splitCountKey)", file: shard.path)
      }
      return 1
    }
    guard let count = value.unsignedInteger, count <= 99_999 else {
      throw CheckpointError(
        .malformed, "\(GGUFFormat.splitCountKey) has to be a number up to 99999", file: shard.path)
    }
    // llama-gguf-split leaves 0 in a file that it merged.
    return max(1, Int(count))
  }

  /// Opens all files of the split GGUF that `shard`, any one of them, belongs to; what they keep is taken from the budget.
  static func assemble(
    _ shard: GGUFShard, count: Int, budget: inout MemoryBudget
  ) throws(CheckpointError) -> [GGUFShard] {
    guard let name = Path(shard.path).shard, name.ending == ".gguf" else {
      throw CheckpointError(
        .missing,
        "this is one of \(count) files of a split GGUF, but its name does not end in \(Path.Shard.suffix(1, of: count)).gguf "
          + "or the like, so the others cannot be found", file: shard.path)
    }
    guard name.count == count else {
      throw CheckpointError(
        .mismatch, "its name says it is one of \(name.count) files, \(GGUFFormat.splitCountKey) says \(count)",
        file: shard.path)
    }
    var shards: [GGUFShard] = []
    for (index, path) in name.siblings.enumerated() {
      shards.append(index + 1 == name.number ? shard : try openPart(path, count: count, budget: &budget))
    }
    for (index, shard) in shards.enumerated() { try check(shard, index: index, count: count) }
    try checkTensors(shards)
    return shards
  }

  private static func openPart(
    _ path: String, count: Int, budget: inout MemoryBudget
  ) throws(CheckpointError) -> GGUFShard {
    guard try FileSystem.isThere(path) else {
      throw CheckpointError(
        .missing,
        "this file of a GGUF split in \(count) is missing"
          + UnfinishedDownload.hint(in: Path(path).folder, of: Path(path).name), file: path)
    }
    try UnfinishedDownload.refuse(path)
    return try GGUFReader.read(try InputFile(path: path), budget: &budget)
  }

  /// What a file holds that others would not expect, one sentence each.
  static func notes(_ shard: GGUFShard) -> [String] {
    var notes: [String] = []
    if shard.trailingBytes >= shard.alignment {
      notes.append(
        "\(shard.path): \(shard.trailingBytes) zero bytes follow the last tensor and mean nothing")
    }
    for (key, value) in shard.metadata.entries {
      guard case .bytes = value else { continue }
      notes.append(
        "\(shard.path): the text of \(key) is not UTF-8; its bytes are kept as they are")
    }
    return notes
  }

  private static func check(_ shard: GGUFShard, index: Int, count: Int) throws(CheckpointError) {
    guard shard.metadata.uint(GGUFFormat.splitNumberKey) == UInt64(index) else {
      throw CheckpointError(
        .mismatch, "its name says it is number \(index + 1), so \(GGUFFormat.splitNumberKey) has to be \(index)",
        file: shard.path)
    }
    guard shard.metadata.uint(GGUFFormat.splitCountKey) == UInt64(count) else {
      throw CheckpointError(
        .mismatch, "\(GGUFFormat.splitCountKey) has to be \(count), as in the other files", file: shard.path)
    }
  }

  private static func checkTensors(_ shards: [GGUFShard]) throws(CheckpointError) {
    let total = shards.reduce(0) { $0 + $1.tensors.count }
    for shard in shards {
      guard let claimed = shard.metadata[GGUFFormat.splitTensorsKey] else { continue }
      guard claimed.unsignedInteger == UInt64(total) else {
        throw CheckpointError(
          .mismatch, "\(GGUFFormat.splitTensorsKey) does not fit: all files together hold \(total) tensors",
          file: shard.path)
      }
    }
    var seen: Set<BinaryString> = []
    for shard in shards {
      for tensor in shard.tensors where !seen.insert(BinaryString(tensor.name)).inserted {
        throw CheckpointError(
          .malformed, "the name occurs in another file of the split GGUF too", file: shard.path, tensor: tensor.name)
      }
    }
  }
}

extension Checkpoint {
  /// Opens a GGUF: a single file, or a split one by any of its files.
  static func openGGUF(_ file: InputFile) throws(CheckpointError) -> Checkpoint {
    // All files of a split together are one model and have one budget.
    var budget = MemoryBudget()
    let first = try GGUFReader.read(file, budget: &budget)
    let count = try GGUFSplit.count(of: first)
    let shards = count == 1 ? [first] : try GGUFSplit.assemble(first, count: count, budget: &budget)
    var metadata = shards[0].metadata
    metadata.removeAll(prefix: "split.")
    return Checkpoint(
      format: .gguf, path: file.path, tensors: shards.flatMap(\.tensors), metadata: metadata,
      gguf: GGUFDetails(version: shards[0].version, shards: shards), notes: shards.flatMap(GGUFSplit.notes))
  }
}
