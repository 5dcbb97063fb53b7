import Base
import Testing

/// Large pieces of memory that are kept from one use to the next.
@Suite struct ReusedMemoryTests {
  /// Pieces of so many bytes each, which are released again.
  private func withPieces(_ sizes: [Int], _ body: ([ReusedMemory.Piece]) -> Void) {
    let pieces = sizes.map {
      ReusedMemory.Piece(base: .allocate(byteCount: $0, alignment: 64), byteCount: $0)
    }
    defer { for piece in pieces { piece.base.deallocate() } }
    body(pieces)
  }

  @Test func `the smallest piece that fits is taken, unless it is twice too large`() {
    withPieces([100, 400, 250, 300]) { pieces in
      var kept = ReusedMemory.Kept(most: 2000)
      for piece in pieces { #expect(kept.add(piece).isEmpty) }
      #expect(kept.byteCount == 1050)
      #expect(kept.take(byteCount: 401) == nil)
      #expect(kept.take(byteCount: 240)?.base == pieces[2].base)
      #expect(kept.take(byteCount: 240)?.base == pieces[3].base)
      #expect(kept.take(byteCount: 240)?.base == pieces[1].base)
      #expect(kept.take(byteCount: 240) == nil)
      // 100 bytes are more than twice 49, and not more than twice 50.
      #expect(kept.take(byteCount: 49) == nil)
      #expect(kept.take(byteCount: 50)?.base == pieces[0].base)
      #expect(kept.byteCount == 0)
    }
  }

  @Test func `beyond the bound the oldest go, and what is larger than the bound at once`() {
    withPieces([300, 200, 250, 700]) { pieces in
      var kept = ReusedMemory.Kept(most: 600)
      #expect(kept.add(pieces[0]).isEmpty && kept.add(pieces[1]).isEmpty)
      #expect(kept.add(pieces[2]).map(\.base) == [pieces[0].base])
      #expect(kept.byteCount == 450)
      #expect(kept.add(pieces[3]).map(\.base) == [pieces[3].base])
      #expect(kept.removeAll().map(\.base) == [pieces[1].base, pieces[2].base])
    }
  }

  @Test func `all are let go at once`() {
    withPieces([300, 200]) { pieces in
      var kept = ReusedMemory.Kept(most: 600)
      #expect(kept.add(pieces[0]).isEmpty && kept.add(pieces[1]).isEmpty)
      #expect(kept.removeAll().map(\.base) == pieces.map(\.base))
      #expect(kept.byteCount == 0 && kept.take(byteCount: 200) == nil)
    }
  }

  @Test func `what is lent is as large as was asked, inside and outside`() {
    for byteCount in [1, 1 << 20, 5 << 20] {
      let outside = ReusedMemory.take(byteCount: byteCount)
      #expect(outside.byteCount >= byteCount)
      ReusedMemory.give(outside)
      ReusedMemory.during {
        let pieces = (0..<3).map { _ in ReusedMemory.take(byteCount: byteCount) }
        #expect(Set(pieces.map(\.base)).count == 3)
        for (value, piece) in pieces.enumerated() {
          piece.base.initializeMemory(as: UInt8.self, repeating: UInt8(value), count: piece.byteCount)
        }
        for (value, piece) in pieces.enumerated() {
          #expect(piece.base.load(fromByteOffset: piece.byteCount - 1, as: UInt8.self) == UInt8(value))
        }
        for piece in pieces { ReusedMemory.give(piece) }
      }
    }
  }
}
