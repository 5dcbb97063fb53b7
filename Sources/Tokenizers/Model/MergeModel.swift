import Base

/// The merges of a vocabulary and what goes with them.
struct MergeModel: Sendable {
  /// Two tokens and the one they become.
  struct Merge: Sendable {
    let left: Int32
    let right: Int32
    let result: Int32
  }

  /// The merges by rank.
  let merges: [Merge]
  let table: MergeTable
  /// A word that is in the vocabulary as a whole is taken without merging.
  let ignoresMerges: Bool
  /// The token for a symbol that has none; without it such a symbol is left out, as the reference does.
  let unknown: Int32?
  /// Several unknown symbols in a row make one token.
  let fusesUnknown: Bool

  /// Resolves merges by the spelling of their parts, which `merges` has one after the other.
  ///
  /// - Throws: `malformed` when a part or the result is not in the vocabulary or a pair occurs twice.
  init(
    merges: TextList, vocabulary: Vocabulary, ignoresMerges: Bool = false, unknown: Int32? = nil,
    fusesUnknown: Bool = false
  ) throws(CheckpointError) {
    let count = merges.count / 2
    func failure(_ rank: Int, _ why: String) -> CheckpointError {
      let (left, right) = (shortened(merges[2 * rank]), shortened(merges[2 * rank + 1]))
      return CheckpointError(.malformed, "merge \(rank) of \"\(left)\" and \"\(right)\" \(why)")
    }
    let resolved = Self.resolve(merges, vocabulary)
    if let rank = resolved.firstIndex(where: { $0.result < 0 }) {
      throw failure(rank, "has a part or a result that is not a token")
    }
    var table = MergeTable(capacity: count)
    for (rank, merge) in resolved.enumerated() {
      guard table.insert(merge.left, merge.right, rank: rank, result: merge.result) else {
        throw failure(rank, "occurs twice")
      }
    }
    self.merges = resolved
    self.table = table
    self.ignoresMerges = ignoresMerges
    self.unknown = unknown
    self.fusesUnknown = fusesUnknown
  }

  /// Puts the unknown token in the place of symbols that have none, which are -1.
  func replaceUnknown(in symbols: inout [Int32]) {
    symbols = Self.known(symbols, unknown: unknown, isFused: fusesUnknown)
  }

  /// Symbols with the unknown token in the place of those that are -1.
  static func known(_ symbols: [Int32], unknown: Int32?, isFused: Bool) -> [Int32] {
    guard symbols.contains(where: { $0 < 0 }) else { return symbols }
    var wasUnknown = false
    return symbols.compactMap { token in
      defer { wasUnknown = token < 0 }
      return token >= 0 ? token : wasUnknown && isFused ? nil : unknown
    }
  }

  /// Looks the parts and results up, on all threads; a result of -1 where one is missing.
  private static func resolve(_ merges: TextList, _ vocabulary: Vocabulary) -> [Merge] {
    let none = Merge(left: -1, right: -1, result: -1)
    return [Merge](unsafeUninitializedCapacity: merges.count / 2) { buffer, count in
      count = merges.count / 2
      let target = SharedMerges(buffer)
      // The work cannot fail, so neither can this.
      try? parallelRows(count: count, threads: Threads.available, grain: 1 << 14) { ranks in
        merges.bytes.withUnsafeBytes { bytes in
          for rank in ranks {
            let (left, right) = (merges.range(2 * rank), merges.range(2 * rank + 1))
            guard let a = vocabulary.word(bytes, left), let b = vocabulary.word(bytes, right),
              // Both parts lie side by side, so the result is spelled there already.
              let result = vocabulary.word(bytes, left.lowerBound..<right.upperBound)
            else {
              target.buffer.initializeElement(at: rank, to: none)
              continue
            }
            target.buffer.initializeElement(at: rank, to: Merge(left: a, right: b, result: result))
          }
        }
      }
    }
  }

  private struct SharedMerges: @unchecked Sendable {  // every rank is written by one thread
    let buffer: UnsafeMutableBufferPointer<Merge>

    init(_ buffer: UnsafeMutableBufferPointer<Merge>) { self.buffer = buffer }
  }
}
