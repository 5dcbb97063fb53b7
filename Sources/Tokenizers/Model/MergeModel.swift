import Tensors

/// The merges of a vocabulary and what goes with them.
struct MergeModel: Sendable {
  /// The parts of each merge, by rank.
  let pairs: [(left: Int32, right: Int32)]
  let table: MergeTable
  /// A word that is in the vocabulary as a whole is taken without merging.
  let ignoresMerges: Bool
  /// The token for a byte that has none; without it such a byte is left out, as the reference does.
  let unknown: Int32?
  /// Several unknown bytes in a row make one token.
  let fusesUnknown: Bool

  /// Resolves merges by the spelling of their parts.
  ///
  /// - Throws: `malformed` when a part or the result is not in the vocabulary or a pair occurs twice.
  init(
    merges: some Collection<(String, String)>, vocabulary: Vocabulary, ignoresMerges: Bool = false,
    unknown: Int32? = nil, fusesUnknown: Bool = false
  ) throws(CheckpointError) {
    var pairs: [(left: Int32, right: Int32)] = []
    pairs.reserveCapacity(merges.count)
    var table = MergeTable(capacity: merges.count)
    var joined: [UInt8] = []
    for (left, right) in merges {
      let rank = pairs.count
      joined.removeAll(keepingCapacity: true)
      joined += left.utf8
      joined += right.utf8
      guard let a = vocabulary.word(left), let b = vocabulary.word(right), let result = vocabulary.word(joined) else {
        throw CheckpointError(
          .malformed,
          "merge \(rank) of \"\(printable(left))\" and \"\(printable(right))\" has a part or a result that is no token")
      }
      guard table.insert(a, b, rank: rank, result: result) else {
        throw CheckpointError(
          .malformed, "merge \(rank) of \"\(printable(left))\" and \"\(printable(right))\" occurs twice")
      }
      pairs.append((a, b))
    }
    self.pairs = pairs
    self.table = table
    self.ignoresMerges = ignoresMerges
    self.unknown = unknown
    self.fusesUnknown = fusesUnknown
  }
}
