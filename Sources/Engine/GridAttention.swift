/// Attention of every patch of a picture to every other, queries and keys turned by their place in the grid.
///
/// softmax(q k^T / sqrt(dimension)) v, no mask.
package struct GridAttention: Sendable {
  package let heads: Int
  package let dimension: Int
  /// Keys that are multiplied together; the last tile is padded.
  private static let tile = 64
  /// Queries that are worked on together.
  private static let block = 48

  /// Attention with `heads` heads of `dimension` values.
  package init(heads: Int, dimension: Int) {
    precondition(dimension % 4 == 0, "two axes of rotated pairs")
    self.heads = heads
    self.dimension = dimension
  }

  /// Attends within one picture.
  ///
  /// - Parameters:
  ///   - qkv: [N, 3 * heads * dimension]: queries, keys, values, each head by head. Queries and keys are turned in place.
  ///   - turns: a row for each patch of the table of `rotary`.
  ///   - rotary: made by `RotaryEmbedding(gridDimension:theta:)`.
  ///   - compute: what it runs on.
  /// - Returns: [N, heads * dimension].
  package func callAsFunction(_ qkv: Activations, turns: Activations, rotary: RotaryEmbedding, _ compute: Compute)
    -> Activations
  {
    let width = heads * dimension
    let count = qkv.rows
    precondition(qkv.columns == 3 * width && turns.rows == count && rotary.dimension == dimension)
    let scale = 1 / Float(dimension).squareRoot()
    compute.each(count, grain: 16) { part in
      for t in part {
        for head in 0..<2 * heads {  // all queries, then all keys
          rotary.rotate(qkv.base + t * qkv.columns + head * dimension, turns.base + t * turns.columns)
        }
        Engine.scale(qkv.base + t * qkv.columns, by: scale, width)
      }
    }
    // Keys with patches side by side: [heads][tiles][dimension, tile].
    let tile = Self.tile
    let tiles = (count + tile - 1) / tile
    let keys = Activations(rows: heads * tiles, columns: dimension * tile)
    compute.each(heads * tiles) { part in
      for item in part {
        let (head, j) = item.quotientAndRemainder(dividingBy: tiles)
        let target = keys.base + item * keys.columns
        for place in 0..<tile {
          let t = j * tile + place
          let source = qkv.base + t * qkv.columns + width + head * dimension
          for i in 0..<dimension { target[i * tile + place] = t < count ? source[i] : 0 }
        }
      }
    }
    let result = Activations(rows: count, columns: width)
    let blocks = (count + Self.block - 1) / Self.block
    compute.each(heads * blocks) { part in
      let scores = Activations(rows: min(Self.block, count), columns: tiles * tile)
      for item in part {
        let (head, place) = item.quotientAndRemainder(dividingBy: blocks)
        let range = place * Self.block..<min(count, (place + 1) * Self.block)
        attend(qkv, range, head: head, keys: keys, scores: scores, into: result, compute.kernels)
      }
    }
    return result
  }

  /// One head, a few queries.
  private func attend(
    _ qkv: Activations, _ range: Range<Int>, head: Int, keys: Activations, scores: Activations,
    into result: Activations, _ kernels: EngineKernels
  ) {
    let width = heads * dimension
    let count = qkv.rows
    let tile = Self.tile
    let tiles = scores.columns / tile
    let queries = qkv.base + range.lowerBound * qkv.columns + head * dimension
    for j in 0..<tiles {
      kernels.dense(
        MatrixPart(queries, stride: qkv.columns),
        MatrixPart(keys.base + (head * tiles + j) * keys.columns, stride: tile), into: scores.base + j * tile,
        stride: scores.columns, m: range.count, n: tile, k: dimension, accumulate: false)
    }
    for row in 0..<range.count {
      let start = scores.base + row * scores.columns
      let sum = kernels.exponentials(start, minus: kernels.maximum(start, count: count), count: count)
      Engine.scale(start, by: 1 / sum, count)
    }
    let values = qkv.base + 2 * width + head * dimension
    // A tile of values stays in the first-level cache while all queries of the block use it.
    for first in stride(from: 0, to: count, by: tile) {
      kernels.dense(
        MatrixPart(scores.base + first, stride: scores.columns),
        MatrixPart(values + first * qkv.columns, stride: qkv.columns),
        into: result.base + range.lowerBound * width + head * dimension, stride: width, m: range.count, n: dimension,
        k: min(tile, count - first), accumulate: first > 0)
    }
  }
}

extension RotaryEmbedding {
  /// Frequencies for places in a grid: the first half of the pairs turns by the row, the second by the column, both with
  /// theta^(-2j / (dimension / 2)).
  package init(gridDimension dimension: Int, theta: Double) {
    precondition(dimension % 4 == 0, "two axes of rotated pairs")
    let half = RotaryEmbedding(dimension: dimension / 2, theta: theta, sections: [])
    self.dimension = dimension
    inverseFrequencies = half.inverseFrequencies + half.inverseFrequencies
    axis = [Int](repeating: 1, count: dimension / 4) + [Int](repeating: 2, count: dimension / 4)
  }
}
