import Containers
import Foundation
import Base
import TestSupport
import Testing

/// Reads published GGUFs and writes them again; runs when `QUERN_REAL_GGUF` names some, separated by colons.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["QUERN_REAL_GGUF"] != nil)) struct RealFileSlowTests {
  static let paths =
    ProcessInfo.processInfo.environment["QUERN_REAL_GGUF"]?.split(separator: ":").map(String.init) ?? []

  @Test(arguments: paths)
  func `A published file is written again byte for byte, whole and split`(path: String) throws {
    let folder = try TemporaryFolder()
    let checkpoint = try Containers.open(path)
    let shards = try #require(checkpoint.gguf?.shards)
    for shard in shards {
      let copy = try writeUnchanged(shard, to: folder.file("copy"), overwrite: true, checksums: true)
      let original = try sum(shard.path)
      #expect(copy.sha256 == original)
    }
    let descriptions = checkpoint.tensors.map { TensorDescription(name: $0.name, type: $0.type, shape: $0.shape) }
    let writer = try GGUFWriter(
      path: folder.file("split.gguf"), metadata: checkpoint.metadata, tensors: descriptions, splitSize: 30_000_000)
    for (index, tensor) in checkpoint.tensors.enumerated() { try writer.copyTensor(index, from: tensor) }
    let files = try writer.finish()
    #expect(files.count > 1)
    #expect(files.dropLast().allSatisfy { $0.bytes <= 30_000_000 || $0.tensors.count == 1 })
    let split = try Containers.open(files[files.count - 1].path)
    #expect(split.metadata == checkpoint.metadata)
    for (index, shard) in (split.gguf?.shards ?? []).enumerated() {
      let copy = try writeUnchanged(shard, to: folder.file("copy"), overwrite: true, checksums: true)
      let original = try sum(files[index].path)
      #expect(copy.sha256 == original)
    }
    for (a, b) in zip(checkpoint.tensors, split.tensors) {
      #expect(a.name == b.name && a.type == b.type && a.shape == b.shape)
      let sums = [try sum(a), try sum(b)]
      #expect(sums[0] == sums[1])
    }
  }

  private func sum(_ path: String) throws -> String {
    let file = try InputFile(path: path)
    return try file.withBytes(at: 0, count: Int(file.size)) { SHA256Hash.hash($0) }
  }

  private func sum(_ tensor: TensorEntry) throws -> String {
    try tensor.withBytes { (bytes) throws(CheckpointError) -> String in SHA256Hash.hash(bytes) }
  }
}
