import Base
import Containers
import Foundation
import Testing

/// Makes a folder and those above it.
func makeFolder(_ path: String) throws {
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
}

/// Writes one file of a GGUF again, byte for byte as it was read.
func writeUnchanged(
  _ shard: GGUFShard, to path: String, overwrite: Bool = false, checksums: Bool = false
) throws -> WrittenFile {
  try #require(try GGUFWriter.copy(shard, to: path, overwrite: overwrite, checksums: checksums).finish().first)
}
