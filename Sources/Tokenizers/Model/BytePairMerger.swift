/// Merges the symbols of one word, lowest rank first, leftmost among equals, until no pair is left that merges.
struct BytePairMerger {
  private var symbols: [Int32] = []
  private var pairs: [MergeTable.Entry] = []
  private var left: [Int32] = []
  private var right: [Int32] = []
  private var heap: [Candidate] = []

  private struct Candidate {
    var entry: MergeTable.Entry
    var place: Int32

    @inline(__always)
    static func < (a: Candidate, b: Candidate) -> Bool {
      a.entry < b.entry || a.entry == b.entry && a.place < b.place
    }
  }

  /// Up to this many symbols a plain search for the lowest rank is faster than a heap.
  private static let shortWord = 48

  /// Replaces the symbols by what they merge into.
  mutating func merge(_ word: inout [Int32], _ merges: MergeTable) {
    guard word.count > 1 else { return }
    if word.count <= Self.shortWord { mergeShort(&word, merges) } else { mergeLong(&word, merges) }
  }

  private mutating func mergeShort(_ word: inout [Int32], _ merges: MergeTable) {
    pairs.removeAll(keepingCapacity: true)
    for place in 1..<word.count { pairs.append(merges.entry(word[place - 1], word[place])) }
    var count = word.count
    while count > 1 {
      var best = MergeTable.none
      var place = 0
      for k in 0..<count - 1 where pairs[k] < best {
        best = pairs[k]
        place = k
      }
      if best == MergeTable.none { break }
      word[place] = Int32(bitPattern: UInt32(truncatingIfNeeded: best))
      count -= 1
      for k in place + 1..<max(count, place + 1) {
        word[k] = word[k + 1]
        pairs[k - 1] = pairs[k]
      }
      if place > 0 { pairs[place - 1] = merges.entry(word[place - 1], word[place]) }
      if place + 1 < count { pairs[place] = merges.entry(word[place], word[place + 1]) }
    }
    word.removeSubrange(count...)
  }

  /// A linked list of symbols and a heap of pairs: n log n however long the word.
  private mutating func mergeLong(_ word: inout [Int32], _ merges: MergeTable) {
    let count = word.count
    symbols = word
    left = (0..<count).map { Int32(truncatingIfNeeded: $0 - 1) }
    right = (0..<count).map { Int32(truncatingIfNeeded: $0 + 1) }
    right[count - 1] = -1
    pairs = [MergeTable.Entry](repeating: MergeTable.none, count: count)
    heap.removeAll(keepingCapacity: true)
    for place in 0..<count - 1 { offer(Int32(truncatingIfNeeded: place), merges) }
    while let best = pop() {
      let place = Int(best.place)
      // A pair that changed since it was offered has another entry now, or none.
      guard pairs[place] == best.entry else { continue }
      let gone = Int(right[place])
      symbols[place] = Int32(bitPattern: UInt32(truncatingIfNeeded: best.entry))
      symbols[gone] = -1
      pairs[gone] = MergeTable.none
      right[place] = right[gone]
      if right[gone] >= 0 { left[Int(right[gone])] = best.place }
      offer(best.place, merges)
      if left[place] >= 0 { offer(left[place], merges) }
    }
    word = symbols.filter { $0 >= 0 }
  }

  private mutating func offer(_ place: Int32, _ merges: MergeTable) {
    let next = right[Int(place)]
    let entry = next < 0 ? MergeTable.none : merges.entry(symbols[Int(place)], symbols[Int(next)])
    pairs[Int(place)] = entry
    guard entry != MergeTable.none else { return }
    heap.append(Candidate(entry: entry, place: place))
    var child = heap.count - 1
    while child > 0, heap[child] < heap[(child - 1) / 2] {
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
      if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
      guard heap[child] < heap[parent] else { return first }
      heap.swapAt(parent, child)
      parent = child
    }
  }
}
