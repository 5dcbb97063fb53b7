import Tensors

/// SHA-256 of files.
enum FileSum {
  private static let piece: UInt64 = 4 << 20

  /// The sum of a file, or of its `first` bytes, as hexadecimal digits.
  static func of(_ file: InputFile, first count: UInt64? = nil) throws(CheckpointError) -> String {
    let end = count ?? file.size
    var hash = SHA256Hash()
    for start in stride(from: 0, to: end, by: Int(piece)) {
      let bytes = try file.readBytes(at: start, count: Int(min(piece, end - start)))
      bytes.withUnsafeBytes { hash.update($0) }
    }
    return hash.finalize()
  }

  /// The bytes that hexadecimal digits stand for.
  static func bytes(_ digits: String) -> [UInt8] {
    let values = digits.utf8.map { $0 < UInt8(ascii: "a") ? $0 - UInt8(ascii: "0") : $0 - UInt8(ascii: "a") + 10 }
    return stride(from: 0, to: values.count - 1, by: 2).map { values[$0] << 4 | values[$0 + 1] }
  }
}
