extension CausalAttention {
  /// Queries whose scores are worked on together.
  private static let block = 64

  /// Takes a gradient back through the attention of a sequence from its first token on.
  ///
  /// With P the weights and G the gradient at the output O = P V of one head, it is P^T G at the values, and with
  /// S = P (G V^T - rowsum(P G V^T)) it is scale S K at the queries and scale S^T Q at the keys. A sink weighs nothing: it is in P alone.
  ///
  /// - Parameters:
  ///   - gradient: at the output, [T, heads * dimension].
  ///   - queries: [T, heads * dimension].
  ///   - keys: [T, keyValueHeads * dimension].
  ///   - values: of the same shape.
  ///   - blocks: rows that see each other in both directions.
  ///   - compute: what to run on; query heads are shared among its threads, and added up in their order.
  /// - Returns: the gradients at queries, keys and values, each of the shape of its matrix.
  package func backward(
    _ gradient: Activations, queries: Activations, keys: Activations, values: Activations, blocks: [Range<Int>] = [],
    _ compute: Compute
  ) -> (queries: Activations, keys: Activations, values: Activations) {
    let tokens = queries.rows
    precondition(queries.columns == heads * dimension && gradient.columns == queries.columns)
    precondition(keys.columns == keyValueHeads * dimension && values.columns == keys.columns)
    precondition(gradient.rows == tokens && keys.rows == tokens && values.rows == tokens)
    let seen = visible(0..<tokens, blocks: blocks)
    let atQueries = Activations(rows: tokens, columns: queries.columns)
    // Of each query head, one after another: [heads * T, dimension].
    let atKeys = Activations(rows: heads * tokens, columns: dimension)
    let atValues = Activations(rows: heads * tokens, columns: dimension)
    compute.each(heads) { part in
      for head in part {
        let job = HeadBackward(
          shape: self, head: head, seen: seen, queries: queries, keys: keys, values: values, gradient: gradient,
          atQueries: atQueries, atKeys: atKeys, atValues: atValues, kernels: compute.kernels)
        for first in stride(from: 0, to: tokens, by: Self.block) { job.run(first..<min(first + Self.block, tokens)) }
      }
    }
    return (atQueries, folded(atKeys, tokens, compute), folded(atValues, tokens, compute))
  }

  /// Sums over the query heads of each key-value head: [heads * T, dimension] to [T, keyValueHeads * dimension].
  private func folded(_ parts: Activations, _ tokens: Int, _ compute: Compute) -> Activations {
    let group = heads / keyValueHeads
    let result = Activations(rows: tokens, columns: keyValueHeads * dimension)
    result.clear()
    compute.each(tokens, grain: 32) { range in
      for t in range {
        for head in 0..<heads {
          compute.kernels.addScaled(
            parts.base + (head * tokens + t) * dimension, by: 1,
            to: result.base + t * result.columns + head / group * dimension, count: dimension)
        }
      }
    }
    return result
  }
}

/// One query head on its way back.
private struct HeadBackward {
  let shape: CausalAttention
  let head: Int
  let seen: [Range<Int>]
  let queries: Activations
  let gradient: Activations
  let keys: Activations
  let atQueries: Activations
  let atKeys: Activations
  let atValues: Activations
  let kernels: EngineKernels
  let tokens: Int
  /// [dimension, T] of the key-value head.
  let keysAcross: Activations
  let valuesAcross: Activations

  init(
    shape: CausalAttention, head: Int, seen: [Range<Int>], queries: Activations, keys: Activations,
    values: Activations, gradient: Activations, atQueries: Activations, atKeys: Activations, atValues: Activations,
    kernels: EngineKernels
  ) {
    (self.shape, self.head, self.seen, self.queries, self.gradient) = (shape, head, seen, queries, gradient)
    (self.keys, self.atQueries, self.atKeys, self.atValues) = (keys, atQueries, atKeys, atValues)
    self.kernels = kernels
    tokens = queries.rows
    keysAcross = Activations(rows: shape.dimension, columns: tokens)
    valuesAcross = Activations(rows: shape.dimension, columns: tokens)
    let start = head / (shape.heads / shape.keyValueHeads) * shape.dimension
    kernels.packTokens(
      MatrixPart(keys.base + start, stride: keys.columns), tokens: tokens, columns: shape.dimension,
      into: keysAcross.base)
    kernels.packTokens(
      MatrixPart(values.base + start, stride: values.columns), tokens: tokens, columns: shape.dimension,
      into: valuesAcross.base)
    (atKeys.base + head * tokens * shape.dimension).update(repeating: 0, count: tokens * shape.dimension)
    (atValues.base + head * tokens * shape.dimension).update(repeating: 0, count: tokens * shape.dimension)
  }

  /// A few queries.
  func run(_ range: Range<Int>) {
    let (rows, width) = (range.count, shape.dimension)
    // The last token sees furthest ahead, the first furthest back.
    let visible = seen[range.lowerBound].lowerBound..<seen[range.upperBound - 1].upperBound
    let count = visible.count
    let q = Activations(rows: rows, columns: width)  // scaled
    let place = range.lowerBound * queries.columns + head * width
    for i in 0..<rows {
      let row = q.base + i * width
      row.update(from: queries.base + place + i * queries.columns, count: width)
      scale(row, by: shape.scale, width)
    }
    let g = MatrixPart(gradient.base + place, stride: gradient.columns)
    let weights = Activations(rows: rows, columns: count)
    let slopes = Activations(rows: rows, columns: count)
    kernels.dense(
      MatrixPart(q.base, stride: width), MatrixPart(keysAcross.base + visible.lowerBound, stride: tokens),
      into: weights.base, stride: count, m: rows, n: count, k: width, accumulate: false)
    kernels.dense(
      g, MatrixPart(valuesAcross.base + visible.lowerBound, stride: tokens), into: slopes.base, stride: count,
      m: rows, n: count, k: width, accumulate: false)
    for (index, t) in range.enumerated() {
      let from = seen[t].lowerBound - visible.lowerBound
      let to = seen[t].upperBound - visible.lowerBound
      let (row, slope) = (weights.base + index * count, slopes.base + index * count)
      row.update(repeating: 0, count: from)
      shape.weigh(row + from, count: to - from, head: head, kernels)
      (row + to).update(repeating: 0, count: count - to)
      let mean = kernels.dot(row, slope, count: count)
      for i in 0..<count { slope[i] = row[i] * (slope[i] - mean) }
    }

    let turned = Activations(rows: count, columns: rows)
    let offset = (head * tokens + visible.lowerBound) * width
    kernels.packTokens(MatrixPart(weights.base, stride: count), tokens: rows, columns: count, into: turned.base)
    kernels.dense(
      MatrixPart(turned.base, stride: rows), g, into: atValues.base + offset, stride: width, m: count, n: width,
      k: rows, accumulate: true)
    kernels.packTokens(MatrixPart(slopes.base, stride: count), tokens: rows, columns: count, into: turned.base)
    kernels.dense(
      MatrixPart(turned.base, stride: rows), MatrixPart(q.base, stride: width), into: atKeys.base + offset,
      stride: width, m: count, n: width, k: rows, accumulate: true)
    let key = head / (shape.heads / shape.keyValueHeads) * width
    kernels.dense(
      MatrixPart(slopes.base, stride: count),
      MatrixPart(keys.base + visible.lowerBound * keys.columns + key, stride: keys.columns),
      into: atQueries.base + place, stride: atQueries.columns, m: rows, n: width, k: count, accumulate: false)
    for i in 0..<rows { scale(atQueries.base + place + i * atQueries.columns, by: shape.scale, width) }
  }
}
