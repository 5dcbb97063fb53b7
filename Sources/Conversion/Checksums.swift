import Containers
import Tensors

/// Writes SHA-256 sums that were computed while writing.
///
/// Lines of files are what `sha256sum --check` reads; those of tensors are comments to it.
enum Checksums {
  static func write(_ files: [WrittenFile], to path: String, overwrite: Bool) throws(CheckpointError) {
    var text = ""
    for file in files {
      if let sum = file.sha256 { text += "\(sum)  \(file.path)\n" }
      for tensor in file.tensors { if let sum = tensor.sha256 { text += "# \(sum)  \(tensor.name)\n" } }
    }
    let writer = try AtomicWriter(path: path, overwrite: overwrite)
    try writer.write(Array(text.utf8))
    try writer.finish()
  }
}
