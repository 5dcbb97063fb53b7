/// A file that has been written whole.
package struct WrittenFile: Sendable {
  /// Its path.
  package let path: String
  /// Its length.
  package let bytes: UInt64
  /// The SHA-256 of all its bytes, when checksums were asked for.
  package let sha256: String?
  /// Its tensors in order, with the SHA-256 of their stored bytes when checksums were asked for.
  package let tensors: [(name: String, sha256: String?)]

  /// Describes a file that has been written.
  package init(path: String, bytes: UInt64, sha256: String?, tensors: [(name: String, sha256: String?)]) {
    self.path = path
    self.bytes = bytes
    self.sha256 = sha256
    self.tensors = tensors
  }
}
