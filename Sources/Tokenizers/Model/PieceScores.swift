import Base

/// The scores of a SentencePiece vocabulary.
struct PieceScores: Sendable {
  /// The score of each id.
  let values: [Float]
  /// The bytes of the longest token: no longer text is looked up.
  let longest: Int

  /// - Parameters:
  ///   - values: the score of each id.
  ///   - texts: the text of each id.
  /// - Throws: `malformed` for a score that is not a number to compare by, `mismatch` when their number differs.
  init(_ values: [Float], _ texts: TextList) throws(CheckpointError) {
    guard values.count == texts.count else {
      throw CheckpointError(.mismatch, "there are \(values.count) scores for \(texts.count) tokens")
    }
    if let id = values.firstIndex(where: { !$0.isFinite }) {
      throw CheckpointError(.malformed, "the score of the token \(id) is \(values[id])")
    }
    self.values = values
    longest = texts.indices.reduce(0) { max($0, texts.range($1).count) }
  }

  /// A number that is smaller the higher the score.
  @inline(__always)
  func rank(_ id: Int32) -> UInt32 {
    // -0 compares as 0.
    let bits = (values[Int(id)] + 0).bitPattern
    return bits >> 31 == 0 ? 0x7FFF_FFFF - bits : bits
  }

  /// The merges that take the same pairs in the same order, both parts of each one after the other.
  ///
  /// For every token all ways to cut it into two tokens; by falling score, those of one token by the ids of the parts.
  func merges(_ vocabulary: Vocabulary, _ isPiece: (Int32) -> Bool) -> [(left: Int32, right: Int32)] {
    let texts = vocabulary.texts
    var order: [Int32] = []
    for id in texts.indices where texts.range(id).count > 1 && isPiece(Int32(truncatingIfNeeded: id)) {
      order.append(Int32(truncatingIfNeeded: id))
    }
    order.sort { (rank($0), $0) < (rank($1), $1) }
    var merges: [(left: Int32, right: Int32)] = []
    texts.bytes.withUnsafeBytes { bytes in
      for id in order {
        let range = texts.range(Int(id))
        let first = merges.count
        for cut in range.dropFirst() where bytes[cut] & 0xC0 != 0x80 {
          guard let left = vocabulary.word(bytes, range.lowerBound..<cut), isPiece(left),
            let right = vocabulary.word(bytes, cut..<range.upperBound), isPiece(right)
          else { continue }
          merges.append((left, right))
        }
        merges[first...].sort { ($0.left, $0.right) < ($1.left, $1.right) }
      }
    }
    return merges
  }
}
