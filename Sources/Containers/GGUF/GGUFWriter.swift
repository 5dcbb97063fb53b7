import Base

/// Writes a GGUF, single or split, in one pass.
package final class GGUFWriter: CheckpointWriter {
  /// Where everything lies.
  package let layout: GGUFLayout
  private let stream: PartWriter

  /// Computes the layout, prepares the files and writes the first header.
  ///
  /// - Parameters:
  ///   - path: the file to be; parts of a split are named `PATH-00001-of-0000N.gguf` from it.
  ///   - metadata: all pairs in order.
  ///   - tensors: all tensors in order.
  ///   - overwrite: whether existing files may be replaced.
  ///   - splitSize: the most bytes of one file, or `nil` for a single one.
  ///   - checksums: whether SHA-256 of files and tensors is computed on the way.
  ///   - version: 2 or 3.
  /// - Throws: `exists`, `noSpace`, or what the layout refuses.
  package convenience init(
    path: String, metadata: Metadata, tensors: [TensorDescription], overwrite: Bool = false, splitSize: UInt64? = nil,
    checksums: Bool = false, version: UInt32 = 3
  ) throws(CheckpointError) {
    let layout = try GGUFLayout(metadata: metadata, tensors: tensors, splitSize: splitSize, version: version)
    try self.init(path: path, layout: layout, overwrite: overwrite, checksums: checksums)
  }

  /// Prepares the files of a layout and writes the first header.
  package init(
    path: String, layout: GGUFLayout, overwrite: Bool = false, checksums: Bool = false
  ) throws(CheckpointError) {
    self.layout = layout
    let paths = Self.paths(path, layout)
    let parts = zip(layout.parts, paths).map { part, path in
      PartWriter.Part(path: path, header: part.header, tensors: part.tensors, bytes: part.bytes)
    }
    let slots = layout.tensors.indices.map { index in
      PartWriter.Slot(
        name: layout.tensors[index].name, byteCount: layout.byteCounts[index], padding: layout.paddings[index])
    }
    stream = try PartWriter(parts, slots, overwrite: overwrite, checksums: checksums)
  }

  /// The names of the files that a layout becomes.
  package static func paths(_ path: String, _ layout: GGUFLayout) -> [String] {
    let count = layout.parts.count
    guard count > 1 else { return [path] }
    return Path.Shard(stem: Path(path).without(".gguf"), number: 1, count: count, ending: ".gguf").siblings
  }

  package var totalBytes: UInt64 { stream.totalBytes }
  package func beginTensor(_ index: Int) throws(CheckpointError) { try stream.beginTensor(index) }
  package func write(_ bytes: UnsafeRawBufferPointer) throws(CheckpointError) { try stream.write(bytes) }
  package func endTensor() throws(CheckpointError) { try stream.endTensor() }
  package func seal() throws(CheckpointError) -> [WrittenFile] { try stream.seal() }
  package var files: [AtomicWriter] { stream.files }

  /// Copies one file of a GGUF byte for byte; the copy is complete but not yet sealed.
  package static func copy(
    _ shard: GGUFShard, to path: String, overwrite: Bool = false, checksums: Bool = false
  ) throws(CheckpointError) -> GGUFWriter {
    let writer = try GGUFWriter(
      path: path, layout: try GGUFLayout(copying: shard), overwrite: overwrite, checksums: checksums)
    for (index, tensor) in shard.tensors.enumerated() { try writer.copyTensor(index, from: tensor) }
    return writer
  }
}
