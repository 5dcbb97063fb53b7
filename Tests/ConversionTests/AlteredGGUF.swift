import Containers
import Base

/// Writes a GGUF again with other metadata, names (nil leaves a tensor out) or bytes.
func alterGGUF(
  _ source: String, to path: String, metadata change: (inout Metadata) -> Void = { _ in },
  rename: (String) -> String? = { $0 }, bytes: (String, inout [UInt8]) -> Void = { _, _ in }
) throws {
  let whole = try Containers.open(source)
  var metadata = whole.metadata
  change(&metadata)
  let kept = whole.tensors.compactMap { entry in rename(entry.name).map { (name: $0, entry: entry) } }
  let writer = try GGUFWriter(
    path: path, metadata: metadata,
    tensors: kept.map { TensorDescription(name: $0.name, type: $0.entry.type, shape: $0.entry.shape) }, overwrite: true)
  for (index, item) in kept.enumerated() {
    var stored = try item.entry.withBytes { [UInt8]($0) }
    bytes(item.name, &stored)
    try stored.withUnsafeBytes { try writer.writeTensor(index, $0) }
  }
  _ = try writer.finish()
}
