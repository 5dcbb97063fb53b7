/// Large pieces of memory that come and go again and again, kept from one use to the next for as long as more are to come.
///
/// Fresh memory has to be mapped and filled with zeros by the system, which for hidden states that live for the length of one product is a
/// tenth of the work. Nothing is kept when nobody has said that more is to come.
package enum ReusedMemory {
  /// A piece of memory as it was allocated.
  package struct Piece: @unchecked Sendable {  // whoever took it owns it
    package let base: UnsafeMutableRawPointer
    package let byteCount: Int
  }

  private struct State {
    var users = 0
    /// What is kept, oldest first.
    var free: [Piece] = []
    var bytes = 0
  }

  private static let state = Lock(State())
  /// Smaller pieces are left to the system.
  private static let smallest = 1 << 20
  /// What is kept at most.
  private static let most = 160 << 20

  /// Keeps what is given back while `body` runs for what is asked for next.
  package static func during<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    state.withLock { $0.users += 1 }
    defer {
      let left = state.withLock { state -> [Piece] in
        state.users -= 1
        guard state.users == 0 else { return [] }
        defer { (state.free, state.bytes) = ([], 0) }
        return state.free
      }
      for piece in left { piece.base.deallocate() }
    }
    return try body()
  }

  /// Uninitialized memory of at least `byteCount` bytes: the smallest kept piece that is not twice too large, or a new one.
  package static func take(byteCount: Int) -> Piece {
    let kept =
      byteCount < smallest
      ? nil
      : state.withLock { state -> Piece? in
        var best: Int?
        for (index, piece) in state.free.enumerated()
        where piece.byteCount >= byteCount && piece.byteCount / 2 <= byteCount {
          if piece.byteCount < best.map({ state.free[$0].byteCount }) ?? .max { best = index }
        }
        guard let best else { return nil }
        state.bytes -= state.free[best].byteCount
        return state.free.remove(at: best)
      }
    return kept ?? Piece(base: LargePages.allocate(byteCount: byteCount), byteCount: byteCount)
  }

  /// Gives a piece back.
  package static func give(_ piece: Piece) {
    guard piece.byteCount >= smallest else { return piece.base.deallocate() }
    let left = state.withLock { state -> [Piece] in
      guard state.users > 0, piece.byteCount <= most else { return [piece] }
      state.free.append(piece)
      state.bytes += piece.byteCount
      var left: [Piece] = []
      while state.bytes > most {
        left.append(state.free.removeFirst())
        state.bytes -= left[left.count - 1].byteCount
      }
      return left
    }
    for piece in left { piece.base.deallocate() }
  }
}
