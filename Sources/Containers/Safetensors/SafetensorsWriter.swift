import Base

/// Writes a safetensors checkpoint in one pass: a single file, or shards and their index.
package final class SafetensorsWriter: CheckpointWriter {
  /// Where everything lies.
  package let layout: SafetensorsLayout
  private let stream: PartWriter
  private let index: AtomicWriter?

  /// Computes the layout, prepares the files and writes the first header.
  ///
  /// - Parameters:
  ///   - path: the file to be, for example `FOLDER/model.safetensors`; shards are named
  ///     `FOLDER/model-00001-of-0000N.safetensors` and their index `FOLDER/model.safetensors.index.json`.
  ///   - folder: a folder on the same disk where files are kept until they are named; that of `path` unless given.
  ///   - metadata: texts for `__metadata__`.
  ///   - tensors: all tensors in order.
  ///   - overwrite: whether existing files may be replaced.
  ///   - shardSize: the most tensor bytes of one file, or `nil` for a single one.
  ///   - checksums: whether SHA-256 of files and tensors is computed on the way.
  /// - Throws: `exists`, `noSpace`, or what the layout refuses.
  package init(
    path: String, in folder: String? = nil, metadata: [(key: String, value: String)] = [("format", "pt")],
    tensors: [TensorDescription],
    overwrite: Bool = false, shardSize: UInt64? = nil, checksums: Bool = false
  ) throws(CheckpointError) {
    let layout = try SafetensorsLayout(metadata: metadata, tensors: tensors, shardSize: shardSize)
    let paths = Self.paths(path, layout)
    let parts = zip(layout.parts, paths).map { part, path in
      PartWriter.Part(path: path, header: part.header, tensors: part.tensors, bytes: part.bytes)
    }
    let slots = layout.tensors.indices.map { index in
      PartWriter.Slot(name: layout.tensors[index].name, byteCount: layout.byteCounts[index], padding: 0)
    }
    self.layout = layout
    index =
      parts.count == 1
      ? nil : try AtomicWriter(path: Self.indexPath(path), in: folder, overwrite: overwrite, hashing: checksums)
    try index?.write(Self.indexBytes(layout, paths))
    stream = try PartWriter(parts, slots, in: folder, overwrite: overwrite, checksums: checksums)
  }

  /// The names of the files that a layout becomes, without the index.
  package static func paths(_ path: String, _ layout: SafetensorsLayout) -> [String] {
    let count = layout.parts.count
    guard count > 1 else { return [path] }
    return Path.Shard(stem: stem(of: path), number: 1, count: count, ending: ".safetensors").siblings
  }

  private static func stem(of path: String) -> String {
    Path(path).without(".safetensors")
  }

  private static func indexPath(_ path: String) -> String { stem(of: path) + ".safetensors.index.json" }

  private static func indexBytes(_ layout: SafetensorsLayout, _ paths: [String]) -> [UInt8] {
    var map = OrderedObject()
    for (part, path) in zip(layout.parts, paths) {
      for index in part.tensors { map[layout.tensors[index].name] = .string(Path(path).name) }
    }
    let bytes = layout.byteCounts.reduce(Int64(0)) { $0 + Int64($1) }
    let parameters = layout.tensors.reduce(Int64(0)) { $0 + Int64($1.shape.elementCount) }
    let document: OrderedObject = [
      "metadata": .object(["total_parameters": .integer(parameters), "total_size": .integer(bytes)]),
      "weight_map": .object(map),
    ]
    return OrderedJSON.object(document).serialized(pretty: true)
  }

  package var totalBytes: UInt64 { stream.totalBytes + (index?.position ?? 0) }
  package func beginTensor(_ index: Int) throws(CheckpointError) { try stream.beginTensor(index) }
  package func write(_ bytes: UnsafeRawBufferPointer) throws(CheckpointError) { try stream.write(bytes) }
  package func endTensor() throws(CheckpointError) { try stream.endTensor() }

  package func seal() throws(CheckpointError) -> [WrittenFile] {
    let digest = try index?.seal()
    var files = try stream.seal()
    if let index { files.append(WrittenFile(path: index.path, bytes: index.position, sha256: digest, tensors: [])) }
    return files
  }

  /// The index last: with it the shards are found.
  package var files: [AtomicWriter] { stream.files + (index.map { [$0] } ?? []) }
}
