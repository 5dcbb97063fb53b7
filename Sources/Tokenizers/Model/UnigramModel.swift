import Base
import Text

/// A vocabulary whose tokens have probabilities: a word becomes the tokens whose logarithms sum to the most.
struct UnigramModel: Sendable {
  /// The logarithm of each token's probability.
  let scores: [Double]
  /// The token of a character without one.
  let unknown: Int32?
  private let trie: PrefixTrie
  private let unknownScore: Double

  /// How much worse than the worst token an unknown character is; SentencePiece's number.
  private static let unknownPenalty = 10.0

  /// - Parameters:
  ///   - scores: of each id.
  ///   - texts: of each id; those in `left out` are never found in a text.
  ///   - unknown: the unknown token.
  ///   - isLeftOut: whether an id is never found in a text.
  /// - Throws: `malformed` for a score that is not a number to compare by, `unsupported` for a token that is too long.
  init(
    scores: [Double], texts: TextList, unknown: Int32?, isLeftOut: (Int) -> Bool = { _ in false }
  ) throws(CheckpointError) {
    guard scores.count == texts.count else {
      throw CheckpointError(.mismatch, "there are \(scores.count) scores for \(texts.count) tokens")
    }
    if let id = scores.firstIndex(where: { !$0.isFinite }) {
      throw CheckpointError(.malformed, "the score of the token \(id) is \(scores[id])")
    }
    self.scores = scores
    self.unknown = unknown
    let ids = texts.indices.filter { !isLeftOut($0) }
    if let id = ids.first(where: { texts.range($0).count > PrefixTrie.longest }) {
      throw CheckpointError(.unsupported, "the token \(id) has more than \(PrefixTrie.longest) bytes")
    }
    trie = PrefixTrie(texts, ids)
    unknownScore = (ids.map { scores[$0] }.min() ?? 0) - Self.unknownPenalty
  }

  /// What the best cut of the first bytes of a word ends with.
  struct Step {
    var score = 0.0
    var start: Int32 = -1
    var token: Int32 = -1
  }

  /// Appends the tokens of a word; -1 for a run of characters that have none.
  ///
  /// `steps` is memory that is used again.
  func append(
    _ word: UnsafeBufferPointer<UInt8>, _ alphabet: any Alphabet, steps: inout [Step], to output: inout [Int32]
  ) {
    let pieces = alphabet as? PieceAlphabet
    steps.removeAll(keepingCapacity: true)
    steps.append(contentsOf: repeatElement(Step(), count: word.count + 1))
    steps[0].start = 0
    var position = 0
    while position < word.count {
      let length = word[position] < 0x80 ? 1 : DecodedCharacter(word, at: position, end: word.count).length
      let before = steps[position].score
      var hasSingle = false
      trie.forEachPrefix(of: word, from: position) { end, token in
        hasSingle = hasSingle || end == position + length
        offer(&steps[end], before + scores[Int(token)], position, token)
      }
      if !hasSingle { offer(&steps[position + length], before + unknownScore, position, -1) }
      position += length
    }
    let first = output.count
    var end = word.count
    while end > 0 {
      let step = steps[end]
      var start = Int(step.start)
      if step.token >= 0 {
        output.append(step.token)
      } else {
        // Unknown characters in a row are one.
        while start > 0, steps[start].token < 0 { start = Int(steps[start].start) }
        let place = output.count
        let bytes = word[start..<end]
        if let pieces { pieces.appendFallback(of: bytes, to: &output) } else { output.append(-1) }
        output[place...].reverse()
      }
      end = start
    }
    output[first...].reverse()
  }

  @inline(__always)
  private func offer(_ step: inout Step, _ score: Double, _ start: Int, _ token: Int32) {
    guard step.start < 0 || score > step.score else { return }
    step = Step(score: score, start: Int32(truncatingIfNeeded: start), token: token)
  }
}

/// Finds all texts of a list that a text begins with.
struct PrefixTrie: Sendable {
  /// The bytes of the longest text: what a look-up may cost at most.
  static let longest = 512

  /// Node and byte to node.
  private var edges: MergeTable
  /// The number of the text that ends at each node, or -1.
  private var ends: [Int32] = [-1]

  /// A trie of the texts of some numbers; of equal texts the first counts.
  init(_ texts: TextList, _ numbers: [Int]) {
    edges = MergeTable(capacity: numbers.reduce(0) { $0 + texts.range($1).count } + 1)
    for number in numbers where !texts.range(number).isEmpty {
      var node: Int32 = 0
      for byte in texts.utf8(number) {
        let known = edges.entry(node, Int32(byte))
        if known != MergeTable.none {
          node = Int32(bitPattern: UInt32(truncatingIfNeeded: known))
        } else {
          let made = Int32(truncatingIfNeeded: ends.count)
          _ = edges.insert(node, Int32(byte), rank: 0, result: made)
          ends.append(-1)
          node = made
        }
      }
      if ends[Int(node)] < 0 { ends[Int(node)] = Int32(truncatingIfNeeded: number) }
    }
  }

  /// Calls with the end and the number of every text of the list that the text begins with at a position, short ones first.
  @inline(__always)
  func forEachPrefix(
    of text: UnsafeBufferPointer<UInt8>, from start: Int, _ body: (_ end: Int, _ number: Int32) -> Void
  ) {
    var node: Int32 = 0
    var position = start
    while position < text.count {
      let edge = edges.entry(node, Int32(text[position]))
      guard edge != MergeTable.none else { return }
      node = Int32(bitPattern: UInt32(truncatingIfNeeded: edge))
      position += 1
      if ends[Int(node)] >= 0 { body(position, ends[Int(node)]) }
    }
  }
}
