import Base

extension GGUFTokenizer {
  /// `tokenizer.model` of a vocabulary that merges by scores, which converters ask for; nil for other kinds.
  ///
  /// What the folder's documents override was lost when the GGUF was made, and they override it again.
  /// - Throws: `mismatch` when the parts contradict each other.
  package func sentencePieceModel() throws(CheckpointError) -> [UInt8]? {
    guard metadata.string(GGUFKeys.model) == "llama", let tokens = metadata.texts(GGUFKeys.tokens) else { return nil }
    let pieces = try GGUFPieces(metadata, count: tokens.count)
    let types = metadata.integers(GGUFKeys.types) ?? []
    let scores = pieces.scores ?? []
    let unused = Int64(TokenType.unused.rawValue)
    // Padding at the end comes back by itself.
    var count = tokens.count
    while count > 0, count <= types.count, types[count - 1] == unused, tokens[count - 1] == "[PAD\(count - 1)]" {
      count -= 1
    }
    var writer = ProtobufWriter()
    for id in 0..<count {
      var piece = ProtobufWriter()
      piece.field(1, bytes: tokens.utf8(id))
      piece.field(2, fixed32: (id < scores.count ? scores[id] : 0).bitPattern)
      if id < types.count, types[id] > 1 { piece.field(3, number: UInt64(types[id])) }
      writer.field(1, bytes: piece.bytes[...])
    }
    var trainer = ProtobufWriter()
    trainer.field(3, number: 2)
    trainer.field(4, number: UInt64(count))
    trainer.field(35, number: 1)
    for (number, role) in [(40, SpecialTokens.Role.unknown), (41, .beginning), (42, .end), (43, .padding)] {
      // An id of -1, which says that there is none, has all 64 bits.
      trainer.field(number, number: metadata.uint(role.ggufKey) ?? .max)
    }
    writer.field(2, bytes: trainer.bytes[...])
    var normalizer = ProtobufWriter()
    normalizer.field(1, bytes: Array("identity".utf8)[...])
    if let map = pieces.map { normalizer.field(2, bytes: map.bytes[...]) }
    normalizer.field(3, number: pieces.addsSpacePrefix ?? true ? 1 : 0)
    normalizer.field(4, number: pieces.removesExtraSpaces ? 1 : 0)
    normalizer.field(5, number: 1)
    writer.field(3, bytes: normalizer.bytes[...])
    return writer.bytes
  }
}

/// Writes the fields of a message in the protocol-buffers wire format.
struct ProtobufWriter {
  private(set) var bytes: [UInt8] = []

  /// Appends a field that is a number.
  mutating func field(_ number: Int, number value: UInt64) {
    varint(UInt64(number) << 3)
    varint(value)
  }

  /// Appends a field of four bytes.
  mutating func field(_ number: Int, fixed32 value: UInt32) {
    varint(UInt64(number) << 3 | 5)
    for shift in stride(from: UInt32(0), to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
  }

  /// Appends a field of bytes.
  mutating func field(_ number: Int, bytes value: ArraySlice<UInt8>) {
    varint(UInt64(number) << 3 | 2)
    varint(UInt64(value.count))
    bytes += value
  }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }
}
