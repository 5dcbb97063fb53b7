#if canImport(CryptoKit)
  import CryptoKit
#else
  import CCrypto
#endif

/// A SHA-256 digest built up piece by piece, by the system's library (OpenSSL's libcrypto, or CryptoKit).
package struct SHA256Hash: ~Copyable {
  #if canImport(CryptoKit)
    private var state = SHA256()
  #else
    private let context: OpaquePointer?
  #endif

  /// Starts an empty digest.
  package init() {
    #if !canImport(CryptoKit)
      context = EVP_MD_CTX_new()
      let started = EVP_DigestInit_ex(context, EVP_sha256(), nil)
      precondition(started == 1, "libcrypto offers SHA-256")
    #endif
  }

  #if !canImport(CryptoKit)
    deinit { EVP_MD_CTX_free(context) }
  #endif

  /// Adds bytes.
  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    #if canImport(CryptoKit)
      state.update(bufferPointer: bytes)
    #else
      EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    #endif
  }

  /// The digest as 64 lower-case hexadecimal digits; starts anew afterwards.
  package mutating func finalize() -> String {
    #if canImport(CryptoKit)
      let digest = Array(state.finalize())
      state = SHA256()
    #else
      var digest = [UInt8](repeating: 0, count: 32)
      var length: UInt32 = 0
      EVP_DigestFinal_ex(context, &digest, &length)
      EVP_DigestInit_ex(context, EVP_sha256(), nil)
    #endif
    let digits = Array("0123456789abcdef".unicodeScalars)
    var text = ""
    for byte in digest {
      text.unicodeScalars.append(digits[Int(byte >> 4)])
      text.unicodeScalars.append(digits[Int(byte & 15)])
    }
    return text
  }

  /// The digest of bytes in memory.
  package static func hash(_ bytes: UnsafeRawBufferPointer) -> String {
    var hash = SHA256Hash()
    hash.update(bytes)
    return hash.finalize()
  }

  /// The digest of a file, or of its `first` bytes.
  ///
  /// - Throws: `inputOutput` when reading fails, `malformed` when the file ends first.
  package static func hash(of file: InputFile, first count: UInt64? = nil) throws(CheckpointError) -> String {
    let end = count ?? file.size
    var hash = SHA256Hash()
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    var done: UInt64 = 0
    while done < end {
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(UInt64(buffer.count), end - done))])
      try file.read(at: done, into: part)
      hash.update(UnsafeRawBufferPointer(part))
      done += UInt64(part.count)
    }
    return hash.finalize()
  }

  /// The 32 bytes of a digest in digits.
  package static func bytes(of digits: String) -> [UInt8] {
    let values = digits.utf8.map { $0 < UInt8(ascii: "a") ? $0 - UInt8(ascii: "0") : $0 - UInt8(ascii: "a") + 10 }
    return stride(from: 0, to: values.count - 1, by: 2).map { values[$0] << 4 | values[$0 + 1] }
  }
}
