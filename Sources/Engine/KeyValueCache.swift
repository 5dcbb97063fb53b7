/// The keys and values one attention layer has seen, in tiles of 64 positions.
///
/// Within a tile each key-value head keeps its keys transposed, [dimension, 64], and its values as they are, 64 dimensions at a time, each
/// piece [64, 64] or as wide as is left. So scores and weighted sums are both plain row-major products of pieces that fit the first-level
/// cache, and no two rows of a piece compete for a place in it.
package final class KeyValueCache {
  static let tile = 64

  package let heads: Int
  package let dimension: Int
  package private(set) var count = 0
  /// Tiles as rows; growing replaces them, so who reads them holds on to them first.
  private(set) var keys: Activations
  private(set) var values: Activations

  /// An empty cache with room for `capacity` positions; it grows beyond when needed.
  package init(heads: Int, dimension: Int, capacity: Int) {
    self.heads = heads
    self.dimension = dimension
    keys = Activations(rows: 0, columns: heads * dimension * Self.tile)
    values = Activations(rows: 0, columns: heads * dimension * Self.tile)
    reserve(capacity)
  }

  /// Positions there is room for.
  package var capacity: Int { keys.rows * Self.tile }

  /// Makes room for `positions`; what is there stays.
  private func reserve(_ positions: Int) {
    let tiles = (positions + Self.tile - 1) / Self.tile
    guard tiles > keys.rows else { return }
    func grown(_ old: Activations) -> Activations {
      let new = Activations(rows: tiles, columns: old.columns)
      let count = old.rows * old.columns
      new.base.update(from: old.base, count: count)
      (new.base + count).update(repeating: 0, count: new.rows * new.columns - count)
      return new
    }
    keys = grown(keys)
    values = grown(values)
  }

  /// Where one head's part of a tile begins in `keys`, [dimension, 64], and in `values`, pieces of [64, 64].
  func place(ofTile tile: Int, head: Int) -> Int { (tile * heads + head) * dimension * Self.tile }

  /// Pieces of a head's dimensions, 64 of them in each but the last.
  ///
  /// The one that begins with dimension i lies i * 64 numbers behind the begin of the head's part of a tile, of the keys as of the values.
  static func pieces(of dimension: Int) -> [Range<Int>] {
    stride(from: 0, to: dimension, by: tile).map { $0..<min($0 + tile, dimension) }
  }

  /// Adds the keys and values of further tokens, both [T, heads * dimension].
  package func append(keys newKeys: Activations, values newValues: Activations) {
    precondition(newKeys.columns == heads * dimension && newValues.columns == newKeys.columns)
    precondition(newKeys.rows == newValues.rows, "a value for every key")
    if count + newKeys.rows > capacity { reserve(max(count + newKeys.rows, 2 * count)) }
    let (keys, values) = (keys, values)
    let pieces = Self.pieces(of: dimension)
    for t in 0..<newKeys.rows {
      let (tile, place) = (count + t).quotientAndRemainder(dividingBy: Self.tile)
      for head in 0..<heads {
        let from = t * newKeys.columns + head * dimension
        let start = self.place(ofTile: tile, head: head)
        let key = keys.base + start + place
        for i in 0..<dimension { key[i * Self.tile] = newKeys.base[from + i] }
        for piece in pieces {
          (values.base + start + piece.lowerBound * Self.tile + place * piece.count).update(
            from: newValues.base + from + piece.lowerBound, count: piece.count)
        }
      }
    }
    count += newKeys.rows
  }

  /// Forgets the newest positions.
  package func removeLast(_ positions: Int) {
    precondition(positions >= 0 && positions <= count, "\(positions) of \(count) positions")
    count -= positions
  }
}
