import Text

/// Merges neighbours into the token of highest score, leftmost among equals, until none is left that is a token.
///
/// What SentencePiece and llama.cpp do with a vocabulary that has scores and no list of merges. Any two neighbours may become
/// one whose texts together are a token, so this works on the text and looks tokens up by it.
struct ScoreMerger {
  private struct Symbol {
    var start: Int32
    var end: Int32
    var previous: Int32
    var next: Int32
  }

  /// Two neighbours that make a token: ordered by falling score, then by place.
  private struct Candidate {
    let key: UInt64
    /// Where the token ends: what no longer ends there has changed since.
    let end: Int32

    var place: Int { Int(UInt32(truncatingIfNeeded: key)) }
  }

  private var symbols: [Symbol] = []
  private var heap: [Candidate] = []

  /// Appends the tokens of a word; -1 for a character that has none.
  mutating func merge(
    _ word: UnsafeBufferPointer<UInt8>, _ vocabulary: Vocabulary, _ scores: PieceScores, to output: inout [Int32]
  ) {
    symbols.removeAll(keepingCapacity: true)
    heap.removeAll(keepingCapacity: true)
    let raw = UnsafeRawBufferPointer(word)
    var position = 0
    while position < word.count {
      let length = word[position] < 0x80 ? 1 : DecodedCharacter(word, at: position, end: word.count).length
      let place = Int32(truncatingIfNeeded: symbols.count)
      symbols.append(
        Symbol(
          start: Int32(truncatingIfNeeded: position), end: Int32(truncatingIfNeeded: position + length),
          previous: place - 1, next: place + 1))
      position += length
    }
    guard !symbols.isEmpty else { return }
    symbols[symbols.count - 1].next = -1
    for place in 1..<max(1, symbols.count) { offer(place - 1, raw, vocabulary, scores) }
    while let best = pop() {
      let place = best.place
      let next = Int(symbols[place].next)
      guard symbols[place].end > symbols[place].start, next >= 0, symbols[next].end == best.end else { continue }
      symbols[place].end = best.end
      symbols[place].next = symbols[next].next
      symbols[next].end = symbols[next].start
      if symbols[place].next >= 0 { symbols[Int(symbols[place].next)].previous = Int32(truncatingIfNeeded: place) }
      if symbols[place].previous >= 0 { offer(Int(symbols[place].previous), raw, vocabulary, scores) }
      offer(place, raw, vocabulary, scores)
    }
    var place = 0
    while place >= 0 {
      let symbol = symbols[place]
      let range = Int(symbol.start)..<Int(symbol.end)
      if let token = vocabulary.word(raw, range) {
        output.append(token)
      } else {
        vocabulary.alphabet.appendSymbols(of: UnsafeBufferPointer(rebasing: word[range]), to: &output)
      }
      place = Int(symbol.next)
    }
  }

  private mutating func offer(
    _ place: Int, _ text: UnsafeRawBufferPointer, _ vocabulary: Vocabulary, _ scores: PieceScores
  ) {
    let next = Int(symbols[place].next)
    guard next >= 0 else { return }
    let (start, end) = (Int(symbols[place].start), symbols[next].end)
    guard Int(end) - start <= scores.longest, let token = vocabulary.word(text, start..<Int(end)) else { return }
    let key = UInt64(scores.rank(token)) << 32 | UInt64(UInt32(truncatingIfNeeded: place))
    heap.append(Candidate(key: key, end: end))
    var child = heap.count - 1
    while child > 0, heap[child].key < heap[(child - 1) / 2].key {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private mutating func pop() -> Candidate? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return first }
    heap[0] = last
    var parent = 0
    while true {
      var child = parent * 2 + 1
      guard child < heap.count else { return first }
      if child + 1 < heap.count, heap[child + 1].key < heap[child].key { child += 1 }
      guard heap[child].key < heap[parent].key else { return first }
      heap.swapAt(parent, child)
      parent = child
    }
  }
}
