extension GatedDeltaNet {
  /// Takes a gradient back through a call that began with an empty memory.
  ///
  /// - Parameters:
  ///   - gradient: at the output, [T, valueHeads * valueDimension].
  ///   - mixed: [T, q | k | v] as they came, not yet normalised; it stays as it is.
  ///   - decay: g, [T, valueHeads].
  ///   - beta: [T, valueHeads].
  ///   - compute: what to run on; value heads are shared among its threads, and added up in their order.
  /// - Returns: the gradients at `mixed`, `decay` and `beta`, each of the shape of its matrix.
  package func backward(
    _ gradient: Activations, mixed: Activations, decay: Activations, beta: Activations, _ compute: Compute
  ) -> (mixed: Activations, decay: Activations, beta: Activations) {
    let tokens = mixed.rows
    precondition(mixed.columns == channels && decay.columns == valueHeads && beta.columns == valueHeads)
    precondition(gradient.rows == tokens && gradient.columns == valueHeads * valueDimension)
    let unit = mixed.copy(of: 0..<tokens)
    normalize(unit, compute)
    let memory = Activations(rows: valueHeads * keyDimension, columns: valueDimension)
    memory.clear()
    let unread = Activations(rows: tokens, columns: valueHeads * valueDimension)
    let job = DeltaBackward(
      shape: self, unit: unit, decay: decay, beta: beta, gradient: gradient,
      atMixed: Activations(rows: tokens, columns: channels),
      atDecay: Activations(rows: tokens, columns: valueHeads), atBeta: Activations(rows: tokens, columns: valueHeads),
      shares: Activations(rows: valueHeads * tokens, columns: 2 * keyDimension), kernels: compute.kernels)
    compute.each(valueHeads) { part in
      for head in part {
        let kept = Kept(self, tokens: tokens)
        Head(
          shape: self, head: head, mixed: unit, decay: decay, beta: beta, memory: memory, result: unread,
          kernels: compute.kernels
        ).chunked(keeping: kept)
        DeltaHeadBackward(job, head: head, kept).run()
      }
    }
    compute.each(tokens, grain: 16) { part in
      for t in part { job.gather(t, of: mixed) }
    }
    return (job.atMixed, job.atDecay, job.atBeta)
  }

  /// What the way back needs of the chunked way there, of one value head.
  struct Kept {
    /// The memory before each chunk: [chunks, keyDimension * valueDimension].
    let memories: Activations
    /// D of each token: [T, valueDimension].
    let corrections: Activations

    init(_ shape: GatedDeltaNet, tokens: Int) {
      memories = Activations(
        rows: (tokens + chunk - 1) / chunk, columns: shape.keyDimension * shape.valueDimension)
      corrections = Activations(rows: tokens, columns: shape.valueDimension)
    }
  }
}

/// All heads of one call on their way back.
private struct DeltaBackward: Sendable {
  let shape: GatedDeltaNet
  /// [T, q | k | v] with queries and keys of one length.
  let unit: Activations
  let decay: Activations
  let beta: Activations
  let gradient: Activations
  let atMixed: Activations
  let atDecay: Activations
  let atBeta: Activations
  /// The gradients at query and key of each value head, [valueHeads * T, q | k].
  let shares: Activations
  let kernels: EngineKernels

  /// Adds up what the value heads of each key head say, and goes back through the lengths of queries and keys.
  func gather(_ t: Int, of mixed: Activations) {
    let (width, keys) = (shape.keyDimension, shape.keyHeads * shape.keyDimension)
    let out = atMixed.base + t * shape.channels
    out.update(repeating: 0, count: 2 * keys)
    for head in 0..<shape.valueHeads {
      let share = shares.base + (head * unit.rows + t) * 2 * width
      let place = shape.keyHead(of: head) * width
      kernels.addScaled(share, by: 1, to: out + place, count: width)
      kernels.addScaled(share + width, by: 1, to: out + keys + place, count: width)
    }
    for head in 0..<2 * shape.keyHeads {
      lengthBackward(
        out + head * width, of: mixed.base + t * shape.channels + head * width, width,
        epsilon: GatedDeltaNet.lengthEpsilon, factor: shape.factor(of: head), kernels)
    }
  }
}

/// One value head on its way back, chunk by chunk from the last.
///
/// With the names of the chunked form (`DeltaNetChunked.swift`), S' the memory behind a chunk, c_last the last of the running sums, M the
/// ratios exp(c_t - c_i), and a bar over gradients written as d:
///
///     dD = A^T dO + exp(c_last - c) K dS';   (I + L)^T X = dD;   P = beta X
///     dV = P;   dbeta = X . D / beta
///     G = M * (dO D^T) for i <= t;   N = M * (P D^T) for i < t
///     dQ = exp(c) dO S^T + G K
///     dK = G^T Q - (N + N^T) K - exp(c) P S^T + exp(c_last - c) D dS'^T
///     dS = exp(c_last) dS' + (exp(c) Q)^T dO - (exp(c) K)^T P
///
/// The gradient at c is what each exponential is multiplied by; that at a decay is the sum over the c behind it.
private struct DeltaHeadBackward {
  let job: DeltaBackward
  let head: Int
  let kept: GatedDeltaNet.Kept
  let kernels: EngineKernels
  let keys: Int
  let values: Int
  /// dS', then dS: [keys, values].
  let atMemory: Activations
  let room: Room

  /// The memory one chunk needs, used again by the next.
  struct Room {
    /// [64, 64] each.
    let scores: Activations
    let keyScores: Activations
    let products: Activations
    let turned: Activations
    /// [64, values] each.
    let x: Activations
    let along: Activations
    /// [64, keys].
    let part: Activations
    /// [keys, 64], [values, 64] and [values, keys].
    let across: Activations
    let correctionsAcross: Activations
    let memoryAcross: Activations

    init(keys: Int, values: Int) {
      let chunk = GatedDeltaNet.chunk
      scores = Activations(rows: chunk, columns: chunk)
      keyScores = Activations(rows: chunk, columns: chunk)
      products = Activations(rows: chunk, columns: chunk)
      turned = Activations(rows: chunk, columns: chunk)
      x = Activations(rows: chunk, columns: values)
      along = Activations(rows: chunk, columns: values)
      part = Activations(rows: chunk, columns: keys)
      across = Activations(rows: keys, columns: chunk)
      correctionsAcross = Activations(rows: values, columns: chunk)
      memoryAcross = Activations(rows: values, columns: keys)
    }
  }

  init(_ job: DeltaBackward, head: Int, _ kept: GatedDeltaNet.Kept) {
    (self.job, self.head, self.kept, kernels) = (job, head, kept, job.kernels)
    (keys, values) = (job.shape.keyDimension, job.shape.valueDimension)
    atMemory = Activations(rows: keys, columns: values)
    room = Room(keys: keys, values: values)
  }

  func run() {
    atMemory.clear()
    let tokens = job.unit.rows
    for index in (0..<kept.memories.rows).reversed() {
      let start = index * GatedDeltaNet.chunk
      chunk(start, min(GatedDeltaNet.chunk, tokens - start), memory: index)
    }
  }

  private func chunk(_ start: Int, _ n: Int, memory index: Int) {
    let shape = job.shape
    let stride = shape.channels
    let query = start * stride + shape.keyHead(of: head) * keys
    let q = MatrixPart(job.unit.base + query, stride: stride)
    let k = MatrixPart(job.unit.base + (query + shape.keyHeads * keys), stride: stride)
    let g = MatrixPart(
      job.gradient.base + (start * job.gradient.columns + head * values), stride: job.gradient.columns)
    let d = MatrixPart(kept.corrections.base + start * values, stride: values)
    let before = kept.memories.base + index * keys * values
    let behind = MatrixPart(atMemory.base, stride: values)
    let atQuery = job.shares.base + (head * job.unit.rows + start) * 2 * keys
    let atKey = atQuery + keys

    var c = [Double](repeating: 0, count: n)
    var sum = 0.0
    for t in 0..<n {
      sum += Double(job.decay[start + t, head])
      c[t] = sum
    }
    let grown = c.map { Exponential.exp(Float($0)) }  // exp(c)
    let left = c.map { Exponential.exp(Float(sum - $0)) }  // exp(c_last - c)
    var atC = [Float](repeating: 0, count: n)

    // A and, of L, all but the rates: [n, n], zero above their diagonals.
    kernels.packTokens(k, tokens: n, columns: keys, into: room.across.base)
    let keysAcross = MatrixPart(room.across.base, stride: n)
    kernels.dense(q, keysAcross, into: room.scores.base, stride: n, m: n, n: n, k: keys, accumulate: false)
    kernels.dense(k, keysAcross, into: room.keyScores.base, stride: n, m: n, n: n, k: keys, accumulate: false)
    for t in 0..<n { decay(t, n, c) }

    // dD, in x, then X.
    kernels.dense(k, behind, into: room.x.base, stride: values, m: n, n: values, k: keys, accumulate: false)
    for t in 0..<n {
      scale(room.x.base + t * values, by: left[t], values)
      let share = kernels.dot(room.x.base + t * values, d.start + t * values, count: values)
      atC[t] -= share
      atC[n - 1] += share
    }
    kernels.packTokens(
      MatrixPart(room.scores.base, stride: n), tokens: n, columns: n, into: room.turned.base)
    kernels.dense(
      MatrixPart(room.turned.base, stride: n), g, into: room.x.base, stride: values, m: n, n: values, k: n,
      accumulate: true)
    solve(start, n)

    // P, in x.
    let place = start * stride + 2 * shape.keyHeads * keys + head * values
    for t in 0..<n {
      let row = room.x.base + t * values
      let rate = job.beta[start + t, head]
      job.atBeta[start + t, head] =
        rate == 0 ? 0 : kernels.dot(row, d.start + t * values, count: values) / rate
      scale(row, by: rate, values)
      (job.atMixed.base + (place + t * stride)).update(from: row, count: values)
    }
    let p = MatrixPart(room.x.base, stride: values)

    // What comes through the memory before the chunk.
    kernels.packTokens(
      MatrixPart(before, stride: values), tokens: keys, columns: values, into: room.memoryAcross.base)
    let memoryAcross = MatrixPart(room.memoryAcross.base, stride: keys)
    kernels.dense(g, memoryAcross, into: atQuery, stride: 2 * keys, m: n, n: keys, k: values, accumulate: false)
    kernels.dense(p, memoryAcross, into: atKey, stride: 2 * keys, m: n, n: keys, k: values, accumulate: false)
    for t in 0..<n {
      let (atQ, atK) = (atQuery + t * 2 * keys, atKey + t * 2 * keys)
      scale(atQ, by: grown[t], keys)
      scale(atK, by: -grown[t], keys)
      atC[t] += kernels.dot(atQ, q.start + t * stride, count: keys)
      atC[t] += kernels.dot(atK, k.start + t * stride, count: keys)
    }
    // What comes through the memory behind it.
    kernels.packTokens(behind, tokens: keys, columns: values, into: room.memoryAcross.base)
    kernels.dense(
      d, memoryAcross, into: room.part.base, stride: keys, m: n, n: keys, k: values, accumulate: false)
    for t in 0..<n {
      kernels.addScaled(room.part.base + t * keys, by: left[t], to: atKey + t * 2 * keys, count: keys)
    }
    atC[n - 1] += grown[n - 1] * kernels.dot(before, atMemory.base, count: keys * values)

    // What comes from token to token: with G, then with N.
    kernels.packTokens(d, tokens: n, columns: values, into: room.correctionsAcross.base)
    let correctionsAcross = MatrixPart(room.correctionsAcross.base, stride: n)
    for isKey in [false, true] {
      kernels.dense(
        isKey ? p : g, correctionsAcross, into: room.products.base, stride: n, m: n, n: n, k: values,
        accumulate: false)
      let scores = isKey ? room.keyScores.base : room.scores.base
      for t in 0..<n {
        let row = room.products.base + t * n
        for i in 0..<t {
          let share = (isKey ? -row[i] : row[i]) * scores[t * n + i]
          atC[t] += share
          atC[i] -= share
        }
        weigh(row, t, n, c, isKey: isKey)
      }
      let pairs = MatrixPart(room.products.base, stride: n)
      kernels.packTokens(pairs, tokens: n, columns: n, into: room.turned.base)
      let turned = MatrixPart(room.turned.base, stride: n)
      let target = isKey ? atKey : atQuery
      kernels.dense(pairs, k, into: target, stride: 2 * keys, m: n, n: keys, k: n, accumulate: true)
      kernels.dense(turned, isKey ? k : q, into: atKey, stride: 2 * keys, m: n, n: keys, k: n, accumulate: true)
    }

    // dS.
    scale(atMemory.base, by: grown[n - 1], keys * values)
    for isKey in [true, false] {
      let across = room.across.base
      kernels.packTokens(isKey ? k : q, tokens: n, columns: keys, into: across)
      let factors = isKey ? grown.map { -$0 } : grown
      for i in 0..<keys { kernels.scale(across + i * n, by: 1, and: Floats(reading: factors.span), count: n) }
      kernels.dense(
        MatrixPart(across, stride: n), isKey ? p : g, into: atMemory.base, stride: values, m: keys, n: values, k: n,
        accumulate: true)
    }

    var later: Float = 0
    for t in (0..<n).reversed() {
      later += atC[t]
      job.atDecay[start + t, head] = later
    }
  }

  /// Multiplies a row of both scores by exp(c_t - c_i), and clears what lies ahead.
  private func decay(_ t: Int, _ n: Int, _ c: [Double]) {
    let (scores, keyScores) = (room.scores.base + t * n, room.keyScores.base + t * n)
    let ratios = room.part.base
    ratio(ratios, t, c)
    for i in 0...t {
      scores[i] *= ratios[i]
      keyScores[i] *= ratios[i]
    }
    for i in t + 1..<max(n, t + 1) { scores[i] = 0 }
    for i in t..<n { keyScores[i] = 0 }
  }

  /// The same of a row of G, or of -N.
  private func weigh(_ row: Floats, _ t: Int, _ n: Int, _ c: [Double], isKey: Bool) {
    let ratios = room.part.base
    ratio(ratios, t, c)
    for i in 0...t { row[i] *= isKey ? -ratios[i] : ratios[i] }
    for i in (isKey ? t : t + 1)..<max(n, t + 1) { row[i] = 0 }
  }

  private func ratio(_ ratios: Floats, _ t: Int, _ c: [Double]) {
    for i in 0...t { ratios[i] = Float(c[t] - c[i]) }
    _ = kernels.exponentials(ratios, minus: 0, count: t + 1)
  }

  /// (I + L)^T X = dD in place, from the last row up, sixteen rows at a time.
  private func solve(_ start: Int, _ n: Int) {
    // -L^T.
    kernels.packTokens(MatrixPart(room.keyScores.base, stride: n), tokens: n, columns: n, into: room.turned.base)
    let rates = (0..<n).map { -job.beta[start + $0, head] }
    for i in 0..<n { kernels.scale(room.turned.base + i * n, by: 1, and: Floats(reading: rates.span), count: n) }
    let x = room.x.base
    var open = n
    while open > 0 {
      let first = max(0, open - 16)
      if open < n {
        kernels.dense(
          MatrixPart(room.turned.base + (first * n + open), stride: n), MatrixPart(x + open * values, stride: values),
          into: x + first * values, stride: values, m: open - first, n: values, k: n - open, accumulate: true)
      }
      for i in (first..<open).reversed() {
        for t in i + 1..<max(open, i + 1) {
          kernels.addScaled(
            x + t * values, by: room.turned.base[i * n + t], to: x + i * values, count: values)
        }
      }
      open = first
    }
  }
}
