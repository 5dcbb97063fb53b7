/// Causal grouped-query attention: softmax(q k^T * scale) v, query head h on key-value head h / (heads / keyValueHeads).
package struct CausalAttention: Sendable {
  package let heads: Int
  package let keyValueHeads: Int
  package let dimension: Int
  package let scale: Float

  /// Attention with scores multiplied by `scale`, usually dimension^-0.5.
  package init(heads: Int, keyValueHeads: Int, dimension: Int, scale: Float) {
    precondition(heads % keyValueHeads == 0, "each key-value head serves the same number of query heads")
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.dimension = dimension
    self.scale = scale
  }

  /// Attends from the last T positions of the cache, whose keys and values are already in it.
  ///
  /// `queries` is [T, heads * dimension], and so is the result. Each query's numbers are computed in the order of the keys, so they
  /// depend neither on the threads nor on how many queries come along.
  package func callAsFunction(_ queries: Activations, over cache: KeyValueCache, _ compute: Compute) -> Activations {
    let tokens = queries.rows
    precondition(cache.count >= tokens, "the cache holds the keys of the queries themselves")
    let result = Activations(rows: tokens, columns: queries.columns)
    let first = cache.count - tokens
    let group = heads / keyValueHeads
    // Rows of one product: the query heads that share a key head, times a few tokens.
    let block = max(1, 48 / group)
    let blocks = (tokens + block - 1) / block
    // A single token leaves threads idle; then the query heads of a key head part. Each is computed as in company.
    let items = blocks * keyValueHeads
    let parts = items < compute.threads ? min(group, (compute.threads + items - 1) / items) : 1
    let shared = Borrowed(cache)
    compute.each(items * parts) { range in
      for item in range {
        // The last blocks see most keys: begin with them, so that threads finish together.
        let (place, rest) = item.quotientAndRemainder(dividingBy: keyValueHeads * parts)
        let (head, part) = rest.quotientAndRemainder(dividingBy: parts)
        let from = (blocks - 1 - place) * block
        attend(
          queries, from..<min(from + block, tokens), first: first, head: head,
          members: part * group / parts..<(part + 1) * group / parts, cache: shared.value, into: result,
          compute.kernels)
      }
    }
    return result
  }

  /// One key-value head, some query heads of its group, a few tokens.
  private func attend(
    _ queries: Activations, _ range: Range<Int>, first: Int, head: Int, members: Range<Int>, cache: KeyValueCache,
    into result: Activations, _ kernels: EngineKernels
  ) {
    let start = head * (heads / keyValueHeads) + members.lowerBound  // the first query head
    let group = members.count
    let rows = range.count * group
    let keys = first + range.upperBound  // visible to the last token of the block
    let tile = KeyValueCache.tile
    let tiles = (keys + tile - 1) / tile
    let (cachedKeys, cachedValues) = (cache.keys, cache.values)

    let q = Activations(rows: rows, columns: dimension)  // [tokens * group, dimension], scaled
    for (index, t) in range.enumerated() {
      for g in 0..<group {
        let source = queries.base + t * queries.columns + (start + g) * dimension
        let target = q.base + (index * group + g) * dimension
        for i in 0..<dimension { target[i] = source[i] * scale }
      }
    }

    let scores = Activations(rows: rows, columns: tiles * tile)  // [tokens * group, keys]
    for j in 0..<tiles {
      kernels.dense(
        MatrixPart(q.base, stride: dimension),
        MatrixPart(cachedKeys.base + cache.place(ofTile: j, head: head), stride: tile),
        into: scores.base + j * tile, stride: scores.columns, m: rows, n: tile, k: dimension, accumulate: false)
    }
    for (index, t) in range.enumerated() {
      let visible = first + t + 1
      for g in 0..<group {
        let row = scores.base + (index * group + g) * scores.columns
        let largest = kernels.maximum(row, count: visible)
        let sum = kernels.exponentials(row, minus: largest, count: visible)
        Engine.scale(row, by: 1 / sum, visible)
        (row + visible).update(repeating: 0, count: keys - visible)  // the future weighs nothing
      }
    }

    let output = Activations(rows: rows, columns: dimension)
    for j in 0..<tiles {
      kernels.dense(
        MatrixPart(scores.base + j * tile, stride: scores.columns),
        MatrixPart(cachedValues.base + cache.place(ofTile: j, head: head), stride: dimension),
        into: output.base, stride: dimension, m: rows, n: dimension, k: min(tile, keys - j * tile),
        accumulate: j > 0)
    }
    for (index, t) in range.enumerated() {
      let target = result.base + t * result.columns + start * dimension
      target.update(from: output.base + index * group * dimension, count: group * dimension)
    }
  }
}

/// A reference handed to workers that only read it, or that each write to a part of their own.
struct Borrowed<Value>: @unchecked Sendable {  // unchecked: the caller waits for the workers
  let value: Value
  init(_ value: Value) { self.value = value }
}
