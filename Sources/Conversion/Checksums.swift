import Base

/// SHA-256 sums that were computed while writing, as a text.
///
/// Lines of files are what `sha256sum --check` reads; those of tensors are comments to it.
enum Checksums {
  static func text(_ files: [WrittenFile]) -> String {
    var text = ""
    for file in files {
      if let sum = file.sha256 {
        // As sha256sum itself writes such names.
        let name = escaped(file.path)
        text += (name == file.path ? "" : "\\") + "\(sum)  \(name)\n"
      }
      for tensor in file.tensors { if let sum = tensor.sha256 { text += "# \(sum)  \(tensor.name)\n" } }
    }
    return text
  }

  /// A name on one line: a backslash before what would break it.
  private static func escaped(_ path: String) -> String {
    var text = ""
    for scalar in path.unicodeScalars {
      switch scalar {
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}
