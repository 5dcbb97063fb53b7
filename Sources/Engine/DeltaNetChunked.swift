extension GatedDeltaNet.Head {
  private static let chunk = GatedDeltaNet.chunk

  /// Sixty-four tokens at a time.
  ///
  /// Let c_t be the running sum of g inside the chunk. Unrolling the rule over the chunk gives, for the corrections d_t as rows of D,
  ///
  ///     (I + L) D = beta (V - exp(c) K S),      L[t,i] = beta_t exp(c_t - c_i) k_t.k_i   for i < t
  ///     O         = exp(c) Q S + A D,           A[t,i] = exp(c_t - c_i) q_t.k_i          for i <= t
  ///     S'        = exp(c_last) S + (exp(c_last - c) K)^T D
  ///
  /// I + L is unit lower triangular. Its inverse is the UT transform of the WY representation; here the system is solved, which
  /// needs a third of the operations of inverting and multiplying. Every exponent is <= 0: nothing overflows.
  ///
  /// `kept` takes up what the way back needs.
  func chunked(keeping kept: GatedDeltaNet.Kept? = nil) {
    let room = Workspace(keyDimension: keyDimension, valueDimension: valueDimension)
    var start = 0
    while start < tokens {
      let count = min(Self.chunk, tokens - start)
      if let kept {
        let size = keyDimension * valueDimension
        (kept.memories.base + start / Self.chunk * size).update(from: memory, count: size)
      }
      chunk(start, count, room)
      if let kept {
        (kept.corrections.base + start * valueDimension).update(
          from: room.corrections.base, count: count * valueDimension)
      }
      start += count
    }
  }

  /// The upper and the lower half of a chunk's rows: what lies right of a triangle is computed for one of them only.
  private static func halves(_ count: Int) -> [Range<Int>] {
    count > chunk / 2 ? [0..<chunk / 2, chunk / 2..<count] : [0..<count]
  }

  /// The memory one chunk needs, used again by the next.
  private struct Workspace {
    let transposed: Activations  // K^T [keyDimension, 64]
    let lower: Activations  // -L [64, 64]
    let attention: Activations  // A [64, 64]
    let corrections: Activations  // D [64, valueDimension]
    let ratios: Activations  // one row of exp(c_t - c_i)

    init(keyDimension: Int, valueDimension: Int) {
      transposed = Activations(rows: keyDimension, columns: chunk)
      lower = Activations(rows: chunk, columns: chunk)
      attention = Activations(rows: chunk, columns: chunk)
      corrections = Activations(rows: chunk, columns: valueDimension)
      ratios = Activations(rows: 1, columns: chunk)
    }
  }

  private func chunk(_ start: Int, _ count: Int, _ room: Workspace) {
    let width = Self.chunk
    let q = MatrixPart(queries.start + start * queries.stride, stride: queries.stride)
    let k = MatrixPart(keys.start + start * keys.stride, stride: keys.stride)
    let v = MatrixPart(values.start + start * values.stride, stride: values.stride)
    let o = output + start * outputStride
    let state = MatrixPart(memory, stride: valueDimension)
    // In double precision: a small difference of two large sums decides how much of a neighbour is left.
    var c = [Double](repeating: 0, count: count)
    var sum = 0.0
    for t in 0..<count {
      sum += Double(decay.start[(start + t) * decay.stride])
      c[t] = sum
    }

    // K^T, and products of keys and queries with keys, of which the lower triangles are needed.
    let transposed = room.transposed.base
    kernels.packTokens(k, tokens: count, columns: keyDimension, into: transposed)
    let keysAcross = MatrixPart(transposed, stride: count)
    for rows in Self.halves(count) {
      let (below, across) = (rows.lowerBound * width, rows.upperBound)
      kernels.dense(
        k.from(rows.lowerBound), keysAcross, into: room.lower.base + below, stride: width, m: rows.count, n: across,
        k: keyDimension, accumulate: false)
      kernels.dense(
        q.from(rows.lowerBound), keysAcross, into: room.attention.base + below, stride: width, m: rows.count,
        n: across, k: keyDimension, accumulate: false)
    }
    for t in 0..<count {
      let ratios = room.ratios.base
      for i in 0...t { ratios[i] = Float(c[t] - c[i]) }
      _ = kernels.exponentials(ratios, minus: 0, count: t + 1)
      let rate = beta.start[(start + t) * beta.stride]
      let (lower, attention) = (room.lower.base + t * width, room.attention.base + t * width)
      for i in 0..<t { lower[i] *= -rate * ratios[i] }
      for i in 0...t { attention[i] *= ratios[i] }
      for i in t + 1..<max(count, t + 1) { attention[i] = 0 }
    }

    // D = beta (V - exp(c) K S), then solved in place, sixteen rows at a time.
    let d = room.corrections.base
    kernels.dense(
      k, state, into: d, stride: valueDimension, m: count, n: valueDimension, k: keyDimension, accumulate: false)
    for t in 0..<count {
      let (row, value) = (d + t * valueDimension, v.start + t * v.stride)
      let (kept, rate) = (Exponential.exp(Float(c[t])), beta.start[(start + t) * beta.stride])
      for j in 0..<valueDimension { row[j] = (value[j] - kept * row[j]) * rate }
    }
    var solved = 0
    while solved < count {
      let rows = min(16, count - solved)
      if solved > 0 {
        kernels.dense(
          MatrixPart(room.lower.base + solved * width, stride: width), MatrixPart(d, stride: valueDimension),
          into: d + solved * valueDimension, stride: valueDimension, m: rows, n: valueDimension, k: solved,
          accumulate: true)
      }
      for t in solved..<solved + rows {
        for i in solved..<t {
          kernels.addScaled(
            d + i * valueDimension, by: room.lower.base[t * width + i], to: d + t * valueDimension,
            count: valueDimension)
        }
      }
      solved += rows
    }

    // O = exp(c) Q S + A D
    kernels.dense(
      q, state, into: o, stride: outputStride, m: count, n: valueDimension, k: keyDimension, accumulate: false)
    for t in 0..<count { Engine.scale(o + t * outputStride, by: Exponential.exp(Float(c[t])), valueDimension) }
    let attention = MatrixPart(room.attention.base, stride: width)
    for rows in Self.halves(count) {
      kernels.dense(
        attention.from(rows.lowerBound), MatrixPart(d, stride: valueDimension),
        into: o + rows.lowerBound * outputStride, stride: outputStride, m: rows.count, n: valueDimension,
        k: rows.upperBound, accumulate: true)
    }

    // S' = exp(c_last) S + (exp(c_last - c) K)^T D
    let last = c[count - 1]
    for t in 0..<count { room.ratios.base[t] = Float(last - c[t]) }
    _ = kernels.exponentials(room.ratios.base, minus: 0, count: count)
    for i in 0..<keyDimension {
      kernels.scale(transposed + i * count, by: 1, and: room.ratios.base, count: count)
    }
    Engine.scale(memory, by: Exponential.exp(Float(last)), keyDimension * valueDimension)
    kernels.dense(
      keysAcross, MatrixPart(d, stride: valueDimension), into: memory, stride: valueDimension, m: keyDimension,
      n: valueDimension, k: count, accumulate: true)
  }
}
