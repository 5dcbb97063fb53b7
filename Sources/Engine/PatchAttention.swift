/// How queries and keys of patches are turned by their place in the grid.
package struct PatchTurns {
  /// Made by ``RotaryEmbedding/init(gridDimension:theta:)``.
  let rotary: RotaryEmbedding
  /// A row for each patch.
  let table: Activations

  package init(_ rotary: RotaryEmbedding, at places: [(row: Int, column: Int)]) {
    self.rotary = rotary
    table = rotary.table(
      Positions(axes: [places.map { _ in 0 }, places.map { Int32($0.row) }, places.map { Int32($0.column) }]))
  }
}

/// Attention of every patch of a picture to every other.
///
/// softmax(q k^T / sqrt(dimension)) v, no mask. A block of queries meets the keys chunk by chunk, and what it has summed is
/// scaled down whenever a chunk holds a larger score (Milakov and Gimelshein 2018; Dao et al. 2022), so that scores never
/// leave the second-level cache. Chunks are the same for any number of threads, and so are the bits.
package struct PatchAttention: Sendable {
  package let heads: Int
  package let dimension: Int
  /// Keys that are multiplied together: a tile of keys or values fills half the first-level cache.
  private static let tile = 64
  /// Tiles of a chunk.
  private static let chunk = 8
  /// Queries that are worked on together.
  private static let block = 48

  /// Attention with `heads` heads of `dimension` values.
  package init(heads: Int, dimension: Int) {
    self.heads = heads
    self.dimension = dimension
  }

  /// Attends within one picture.
  ///
  /// - Parameters:
  ///   - qkv: [N, 3 * heads * dimension]: queries, keys, values, each head by head. Queries and keys are turned in place.
  ///   - turns: of the patches; nil to leave them as they are.
  ///   - compute: what it runs on.
  /// - Returns: [N, heads * dimension].
  package func callAsFunction(_ qkv: Activations, turns: PatchTurns?, _ compute: Compute) -> Activations {
    let width = heads * dimension
    let count = qkv.rows
    precondition(qkv.columns == 3 * width)
    precondition(turns.map { $0.table.rows == count && $0.rotary.dimension == dimension } ?? true)
    let scale = 1 / Float(dimension).squareRoot()
    compute.each(count, grain: 16) { part in
      for t in part {
        if let turns {
          for head in 0..<2 * heads {  // all queries, then all keys
            turns.rotary.rotate(
              qkv.base + t * qkv.columns + head * dimension, turns.table.base + t * turns.table.columns)
          }
        }
        Engine.scale(qkv.base + t * qkv.columns, by: scale, width)
      }
    }
    let tiled = Tiled(qkv, heads: heads, dimension: dimension, tile: Self.tile, compute)
    let result = Activations(rows: count, columns: width)
    let blocks = (count + Self.block - 1) / Self.block
    compute.each(heads * blocks) { part in
      let work = Work(rows: Self.block, keys: Self.chunk * Self.tile, dimension: dimension)
      for item in part {
        let (head, place) = item.quotientAndRemainder(dividingBy: blocks)
        let range = place * Self.block..<min(count, (place + 1) * Self.block)
        attend(qkv, range, head: head, to: tiled, work, into: result, compute.kernels)
      }
    }
    return result
  }

  /// Keys and values of all heads where products read them in order.
  private struct Tiled {
    /// [heads][tiles][dimension, tile], patches side by side; the last tile is padded with zeros.
    let keys: Activations
    /// [heads][tiles][tile, dimension].
    let values: Activations
    let tiles: Int

    init(_ qkv: Activations, heads: Int, dimension: Int, tile: Int, _ compute: Compute) {
      let count = qkv.rows
      let tiles = (count + tile - 1) / tile
      let keys = Activations(rows: heads * tiles, columns: dimension * tile)
      let values = Activations(rows: heads * tiles, columns: dimension * tile)
      compute.each(heads * tiles) { part in
        for item in part {
          let (head, j) = item.quotientAndRemainder(dividingBy: tiles)
          let key = keys.base + item * keys.columns
          let value = values.base + item * values.columns
          for place in 0..<tile {
            let t = j * tile + place
            guard t < count else {
              for i in 0..<dimension { key[i * tile + place] = 0 }
              continue
            }
            let source = qkv.base + t * qkv.columns + (heads + head) * dimension
            for i in 0..<dimension { key[i * tile + place] = source[i] }
            (value + place * dimension).update(from: source + heads * dimension, count: dimension)
          }
        }
      }
      (self.keys, self.values, self.tiles) = (keys, values, tiles)
    }
  }

  /// What one thread needs for a block of queries.
  private struct Work {
    /// [block, dimension].
    let queries: Activations
    /// [block, keys of a chunk]; a row is a little longer, so that rows do not compete for the same cache lines.
    let scores: Activations
    /// [block, dimension], not yet divided by `sums`.
    let output: Activations
    /// The largest score of each query so far, then the sum of the exponentials.
    let state: Activations

    init(rows: Int, keys: Int, dimension: Int) {
      queries = Activations(rows: rows, columns: dimension)
      scores = Activations(rows: rows, columns: keys + 16)
      output = Activations(rows: rows, columns: dimension)
      state = Activations(rows: 2, columns: rows)
    }
  }

  /// One head, a few queries.
  private func attend(
    _ qkv: Activations, _ range: Range<Int>, head: Int, to tiled: Tiled, _ work: Work, into result: Activations,
    _ kernels: EngineKernels
  ) {
    let count = qkv.rows
    let tile = Self.tile
    let scores = work.scores
    let largest = work.state.base
    let sums = work.state.base + work.state.columns
    for (row, t) in range.enumerated() {
      (work.queries.base + row * dimension).update(
        from: qkv.base + t * qkv.columns + head * dimension, count: dimension)
      largest[row] = -.infinity
      sums[row] = 0
    }
    for first in stride(from: 0, to: tiled.tiles, by: Self.chunk) {
      let chunk = first..<min(first + Self.chunk, tiled.tiles)
      let keys = min(chunk.count * tile, count - first * tile)
      for (place, j) in chunk.enumerated() {
        kernels.dense(
          MatrixPart(work.queries.base, stride: dimension),
          MatrixPart(tiled.keys.base + (head * tiled.tiles + j) * tiled.keys.columns, stride: tile),
          into: scores.base + place * tile, stride: scores.columns, m: range.count, n: tile, k: dimension,
          accumulate: false)
      }
      for row in 0..<range.count {
        let start = scores.base + row * scores.columns
        let most = max(largest[row], kernels.maximum(start, count: keys))
        if first > 0, most > largest[row] {
          let factor = Exponential.exp(largest[row] - most)
          sums[row] *= factor
          Engine.scale(work.output.base + row * dimension, by: factor, dimension)
        }
        largest[row] = most
        sums[row] += kernels.exponentials(start, minus: most, count: keys)
      }
      for (place, j) in chunk.enumerated() {
        kernels.dense(
          MatrixPart(scores.base + place * tile, stride: scores.columns),
          MatrixPart(tiled.values.base + (head * tiled.tiles + j) * tiled.values.columns, stride: dimension),
          into: work.output.base, stride: dimension, m: range.count, n: dimension, k: min(tile, count - j * tile),
          accumulate: j > 0)
      }
    }
    for (row, t) in range.enumerated() {
      let target = result.base + t * result.columns + head * dimension
      target.update(from: work.output.base + row * dimension, count: dimension)
      Engine.scale(target, by: 1 / sums[row], dimension)
    }
  }
}
