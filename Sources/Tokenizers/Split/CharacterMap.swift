import Base

/// SentencePiece's `precompiled_charsmap`: what stretches of text are replaced by before anything else.
///
/// A 32-bit length, a double-array trie of 32-bit units (all little-endian), and the replacements, each ended by a zero byte. A unit:
///
///     bit 31      value: the other bits are the number a key leads to
///     bits 10…30  offset of the children, shifted left by 8 more where bit 9 is set
///     bit 9       see above
///     bit 8       a key ends here; its value is in the unit at the offset
///     bits 0…7    the byte that leads here
struct CharacterMap: Sendable, Equatable {
  /// The map as files hold it.
  let bytes: [UInt8]
  private let units: [UInt32]
  private let textStart: Int

  /// Reads a map.
  ///
  /// - Throws: `malformed` when the parts do not fit in it.
  init(_ bytes: [UInt8]) throws(CheckpointError) {
    guard bytes.count > 4 else { throw CheckpointError(.malformed, "the precompiled_charsmap is too short") }
    let size = Int(Self.word(bytes, 0))
    guard size % 4 == 0, size >= 4, size <= bytes.count - 4 else {
      throw CheckpointError(
        .malformed, "the precompiled_charsmap of \(bytes.count) bytes has a trie of \(size) bytes")
    }
    self.bytes = bytes
    units = stride(from: 4, to: 4 + size, by: 4).map { Self.word(bytes, $0) }
    textStart = 4 + size
  }

  private static func word(_ bytes: [UInt8], _ place: Int) -> UInt32 {
    (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[place + $1]) << UInt32($1 * 8) }
  }

  /// The replacement of what a range of a text begins with.
  ///
  /// - Parameters:
  ///   - text: the text.
  ///   - range: where to look.
  ///   - isLongest: the longest of what the map knows, not the shortest.
  /// - Returns: how many bytes are replaced, and by what; nil when the map knows nothing of the kind.
  func replacement(
    in text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, isLongest: Bool
  ) -> (length: Int, text: ArraySlice<UInt8>)? {
    var found: (length: Int, value: Int)?
    var place = Int(Self.offset(units[0]))
    for position in range {
      let byte = text[position]
      guard byte != 0 else { break }
      place ^= Int(byte)
      guard place < units.count, units[place] & 0x8000_00FF == UInt32(byte) else { break }
      let unit = units[place]
      place ^= Int(Self.offset(unit))
      guard place < units.count else { break }
      if unit >> 8 & 1 == 1 {
        found = (position + 1 - range.lowerBound, Int(units[place] & 0x7FFF_FFFF))
        if !isLongest { break }
      }
    }
    guard let found, found.value < bytes.count - textStart else { return nil }
    let start = textStart + found.value
    guard let end = bytes[start...].firstIndex(of: 0) else { return nil }
    return (found.length, bytes[start..<end])
  }

  private static func offset(_ unit: UInt32) -> UInt32 { (unit >> 10) << ((unit & 0x200) >> 6) }

  /// The text with everything replaced, from the left, the longest first: what SentencePiece does.
  func applied(_ text: [UInt8]) -> [UInt8] {
    text.withUnsafeBufferPointer { view in
      var output: [UInt8] = []
      output.reserveCapacity(view.count)
      var position = 0
      while position < view.count {
        if let (length, replacement) = replacement(
          in: view, position..<min(position + Self.longestKey, view.count), isLongest: true)
        {
          output += replacement
          position += length
        } else {
          let end = min(position + Self.length(view[position]), view.count)
          output += view[position..<end]
          position = end
        }
      }
      return output
    }
  }

  /// The text as Hugging Face's library replaces: a short cluster of characters as a whole, else character by character, and
  /// of what the map knows the shortest that either begins with.
  func appliedByCluster(_ text: [UInt8]) -> [UInt8] {
    let string = String(decoding: text, as: UTF8.self)
    var output: [UInt8] = []
    output.reserveCapacity(text.count)
    for cluster in string {
      var bytes = Array(cluster.utf8)
      if bytes.count < 6, let whole = first(bytes) {
        output += whole
        continue
      }
      for scalar in cluster.unicodeScalars {
        bytes = Array(String(scalar).utf8)
        output += first(bytes) ?? bytes[...]
      }
    }
    return output
  }

  private func first(_ bytes: [UInt8]) -> ArraySlice<UInt8>? {
    bytes.withUnsafeBufferPointer { replacement(in: $0, 0..<$0.count, isLongest: false)?.text }
  }

  /// How far a key may reach: more than any published map, so that a look-up has a bounded cost.
  private static let longestKey = 256

  private static func length(_ lead: UInt8) -> Int {
    switch lead {
    case 0xC2...0xDF: 2
    case 0xE0...0xEF: 3
    case 0xF0...0xF4: 4
    default: 1
    }
  }
}
