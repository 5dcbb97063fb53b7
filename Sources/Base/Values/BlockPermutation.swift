/// A permutation of equally long blocks; positions before `first` stay.
package struct BlockPermutation: Sendable, Equatable {
  /// The first position that moves.
  package let first: Int
  /// Positions a block has.
  package let block: Int
  /// Block `i` of the result is block `sources[i]` of the origin.
  package let sources: [Int]

  package init(first: Int = 0, block: Int, sources: [Int]) {
    self.first = first
    self.block = block
    self.sources = sources
  }

  /// Positions covered, those that stay included.
  package var count: Int { first + block * sources.count }

  /// The position in the origin of a position in the result.
  package func source(of position: Int) -> Int {
    guard position >= first, position < count else { return position }
    let (index, offset) = (position - first).quotientAndRemainder(dividingBy: block)
    return first + sources[index] * block + offset
  }

  /// How many positions from `position` on (itself included) lie together in the origin too.
  package func run(at position: Int) -> Int {
    if position < first { return first - position }
    if position >= count { return Int.max - position }
    return block - (position - first) % block
  }

  /// Calls `body` for each piece of a range of the result that lies together in the origin: where it begins there, how many positions it
  /// has, and where it begins in the range.
  @inline(__always)
  package func pieces<E: Error>(
    of range: Range<Int>, _ body: (_ source: Int, _ count: Int, _ place: Int) throws(E) -> Void
  ) throws(E) {
    var position = range.lowerBound
    while position < range.upperBound {
      let count = min(run(at: position), range.upperBound - position)
      try body(source(of: position), count, position - range.lowerBound)
      position += count
    }
  }

  /// The permutation that undoes this one.
  package var inverse: BlockPermutation {
    var back = [Int](repeating: 0, count: sources.count)
    for (position, source) in sources.enumerated() { back[source] = position }
    return BlockPermutation(first: first, block: block, sources: back)
  }
}
