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
}
