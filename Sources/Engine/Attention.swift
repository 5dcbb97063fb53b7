/// Causal grouped-query attention, but for blocks of tokens that see each other: softmax(q k^T * scale) v, query head h on key-value head h / (heads / keyValueHeads).
package struct CausalAttention: Sendable {
  package let heads: Int
  package let keyValueHeads: Int
  package let dimension: Int
  package let scale: Float
  /// How many keys a query sees, its own included; nil for all before it.
  package let window: Int?
  /// A score for each head that takes part in the softmax and weighs no value; empty for none.
  package let sinks: [Float]

  /// Attention with scores multiplied by `scale`, usually dimension^-0.5.
  package init(
    heads: Int, keyValueHeads: Int, dimension: Int, scale: Float, window: Int? = nil, sinks: [Float] = []
  ) {
    precondition(heads % keyValueHeads == 0, "each key-value head serves the same number of query heads")
    precondition(sinks.isEmpty || sinks.count == heads, "a sink for every head")
    precondition(window ?? 1 > 0, "a query sees itself")
    (self.window, self.sinks) = (window, sinks)
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.dimension = dimension
    self.scale = scale
  }

  /// Attends from the last T positions of the cache, whose keys and values are already in it.
  ///
  /// `queries` is [T, heads * dimension], and so is the result; each of `blocks`, ranges of its rows in their order, sees itself in both
  /// directions, whatever the window. Each query's numbers are computed in the order of the keys, so they
  /// depend neither on the threads nor on how many queries come along.
  package func callAsFunction(
    _ queries: Activations, over cache: KeyValueCache, blocks: [Range<Int>] = [], _ compute: Compute
  ) -> Activations {
    let tokens = queries.rows
    precondition(cache.count >= tokens, "the cache holds the keys of the queries themselves")
    let result = Activations(rows: tokens, columns: queries.columns)
    let first = cache.count - tokens
    let seen = visible(first..<cache.count, blocks: blocks)
    let group = heads / keyValueHeads
    // Rows of one product: the query heads that share a key head, times a few tokens.
    let block = max(1, 48 / group)
    let places = (tokens + block - 1) / block
    // A single token leaves threads idle; then the query heads of a key head part. Each is computed as in company.
    let items = places * keyValueHeads
    let parts = items < compute.threads ? min(group, (compute.threads + items - 1) / items) : 1
    let shared = Borrowed(cache)
    compute.each(items * parts) { range in
      for item in range {
        // The last blocks see most keys: begin with them, so that threads finish together.
        let (place, rest) = item.quotientAndRemainder(dividingBy: keyValueHeads * parts)
        let (head, part) = rest.quotientAndRemainder(dividingBy: parts)
        let from = (places - 1 - place) * block
        attend(
          queries, from..<min(from + block, tokens), seen: seen, head: head,
          members: part * group / parts..<(part + 1) * group / parts, cache: shared.value, into: result,
          compute.kernels)
      }
    }
    return result
  }

  /// One key-value head, some query heads of its group, a few tokens.
  private func attend(
    _ queries: Activations, _ range: Range<Int>, seen: [Range<Int>], head: Int, members: Range<Int>,
    cache: KeyValueCache,
    into result: Activations, _ kernels: EngineKernels
  ) {
    let start = head * (heads / keyValueHeads) + members.lowerBound  // the first query head
    let group = members.count
    let rows = range.count * group
    let tile = KeyValueCache.tile
    // The last token sees furthest ahead, the first furthest back.
    let keys = seen[range.upperBound - 1].upperBound
    let begin = seen[range.lowerBound].lowerBound / tile
    let tiles = (keys + tile - 1) / tile - begin
    let (cachedKeys, cachedValues) = (cache.keys, cache.values)

    let q = Activations(rows: rows, columns: dimension)  // [tokens * group, dimension], scaled
    for (index, t) in range.enumerated() {
      for g in 0..<group {
        let source = queries.base + t * queries.columns + (start + g) * dimension
        let target = q.base + (index * group + g) * dimension
        for i in 0..<dimension { target[i] = source[i] * scale }
      }
    }

    // [tokens * group, keys from the first tile on]; a row is a little longer, so that rows do not compete for the same cache lines.
    let scores = Activations(rows: rows, columns: tiles * tile + 16)
    let pieces = KeyValueCache.pieces(of: dimension)
    for j in 0..<tiles {
      let place = cache.place(ofTile: begin + j, head: head)
      for piece in pieces {
        kernels.dense(
          MatrixPart(q.base + piece.lowerBound, stride: dimension),
          MatrixPart(cachedKeys.base + place + piece.lowerBound * tile, stride: tile), into: scores.base + j * tile,
          stride: scores.columns, m: rows, n: tile, k: piece.count, accumulate: piece.lowerBound > 0)
      }
    }
    for (index, t) in range.enumerated() {
      let (from, to) = (seen[t].lowerBound - begin * tile, seen[t].upperBound - begin * tile)
      for g in 0..<group {
        let row = scores.base + (index * group + g) * scores.columns
        row.update(repeating: 0, count: from)  // what lies before the window weighs nothing
        weigh(row + from, count: to - from, head: start + g, kernels)
        (row + to).update(repeating: 0, count: tiles * tile - to)  // nor does the future
      }
    }

    let output = Activations(rows: rows, columns: dimension)
    for j in 0..<tiles {
      let place = cache.place(ofTile: begin + j, head: head)
      for piece in pieces {
        kernels.dense(
          MatrixPart(scores.base + j * tile, stride: scores.columns),
          MatrixPart(cachedValues.base + place + piece.lowerBound * tile, stride: piece.count),
          into: output.base + piece.lowerBound, stride: dimension, m: rows, n: piece.count,
          k: min(tile, keys - (begin + j) * tile), accumulate: j > 0)
      }
    }
    for (index, t) in range.enumerated() {
      let target = result.base + t * result.columns + start * dimension
      target.update(from: output.base + index * group * dimension, count: group * dimension)
    }
  }
}

extension CausalAttention {
  /// The keys that the query at each of some places sees; blocks are counted from the first of the places.
  func visible(_ places: Range<Int>, blocks: [Range<Int>]) -> [Range<Int>] {
    var seen = places.map { max(0, $0 + 1 - (window ?? $0 + 1))..<$0 + 1 }
    for block in blocks {
      let (start, end) = (places.lowerBound + block.lowerBound, places.lowerBound + block.upperBound)
      for t in block { seen[t] = min(seen[t].lowerBound, start)..<max(seen[t].upperBound, end) }
    }
    return seen
  }

  /// Scores to weights: softmax, in which a head's sink takes part.
  func weigh(_ scores: Floats, count: Int, head: Int, _ kernels: EngineKernels) {
    var largest = kernels.maximum(scores, count: count)
    if !sinks.isEmpty { largest = max(largest, sinks[head]) }
    var sum = kernels.exponentials(scores, minus: largest, count: count)
    if !sinks.isEmpty { sum += Exponential.exp(sinks[head] - largest) }
    Engine.scale(scores, by: 1 / sum, count)
  }
}

/// A reference handed to workers that only read it, or that each write to a part of their own.
struct Borrowed<Value>: @unchecked Sendable {  // unchecked: the caller waits for the workers
  let value: Value
  init(_ value: Value) { self.value = value }
}
