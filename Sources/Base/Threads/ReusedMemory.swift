/// Large pieces of memory that come and go again and again, kept from one use to the next for as long as more are to come.
///
/// Fresh memory has to be mapped and filled with zeros by the system, which for hidden states that live for the length of one product is a
/// tenth of the work. Nothing is kept when nobody has said that more is to come.
package enum ReusedMemory {
  /// A piece of memory as it was allocated.
  package struct Piece: @unchecked Sendable {  // whoever took it owns it
    package let base: UnsafeMutableRawPointer
    package let byteCount: Int

    package init(base: UnsafeMutableRawPointer, byteCount: Int) { (self.base, self.byteCount) = (base, byteCount) }
  }

  private struct State {
    var users = 0
    var kept = Kept(most: 160 << 20)
  }

  private static let state = Lock(State())
  /// Smaller pieces are left to the system.
  private static let smallest = 1 << 20

  /// Keeps what is given back while `body` runs for what is asked for next.
  package static func during<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    state.withLock { $0.users += 1 }
    defer {
      let left = state.withLock { state -> [Piece] in
        state.users -= 1
        return state.users == 0 ? state.kept.removeAll() : []
      }
      for piece in left { piece.base.deallocate() }
    }
    return try body()
  }

  /// Uninitialized memory of at least `byteCount` bytes: the smallest kept piece that is not twice too large, or a new one.
  package static func take(byteCount: Int) -> Piece {
    let kept = byteCount < smallest ? nil : state.withLock { $0.kept.take(byteCount: byteCount) }
    return kept ?? Piece(base: LargePages.allocate(byteCount: byteCount), byteCount: byteCount)
  }

  /// Gives a piece back.
  package static func give(_ piece: Piece) {
    guard piece.byteCount >= smallest else { return piece.base.deallocate() }
    let left = state.withLock { $0.users > 0 ? $0.kept.add(piece) : [piece] }
    for piece in left { piece.base.deallocate() }
  }

  /// Pieces that are kept, of which the oldest go first.
  package struct Kept: Sendable {
    /// Bytes at most.
    package let most: Int
    /// Oldest first.
    private var pieces: [Piece] = []
    /// Bytes of all pieces.
    package private(set) var byteCount = 0

    package init(most: Int) { self.most = most }

    /// The smallest piece that has `byteCount` bytes and is not twice too large; nil if there is none.
    package mutating func take(byteCount: Int) -> Piece? {
      let fitting = pieces.indices.filter {
        pieces[$0].byteCount >= byteCount && pieces[$0].byteCount / 2 <= byteCount
      }
      guard let best = fitting.min(by: { pieces[$0].byteCount < pieces[$1].byteCount }) else { return nil }
      self.byteCount -= pieces[best].byteCount
      return pieces.remove(at: best)
    }

    /// Keeps a piece, and answers with those that are too many now.
    package mutating func add(_ piece: Piece) -> [Piece] {
      guard piece.byteCount <= most else { return [piece] }
      pieces.append(piece)
      byteCount += piece.byteCount
      var left: [Piece] = []
      while byteCount > most {
        left.append(pieces.removeFirst())
        byteCount -= left[left.count - 1].byteCount
      }
      return left
    }

    /// All pieces, which are kept no longer.
    package mutating func removeAll() -> [Piece] {
      defer { (pieces, byteCount) = ([], 0) }
      return pieces
    }
  }
}
