/// Which key head a value head reads.
package enum ValueHeadOrder: Sendable {
  /// Value heads of one key head are neighbours: h / (valueHeads / keyHeads). Hugging Face checkpoints.
  case grouped
  /// Value heads go round the key heads: h mod keyHeads. GGUF files.
  case tiled
}

/// The state of one gated delta net layer: a [keyDimension, valueDimension] matrix per value head, and the last inputs of the
/// convolution before it.
package final class DeltaNetState {
  private(set) var memory: Activations
  package let history: Activations
  /// Whether calls keep what the last of their tokens can be taken back by.
  package var keepsSteps = false
  /// What the newest call that kept steps found and read in the convolution: its history, and its inputs, [T, channels].
  private var convolved: (before: Activations, inputs: Activations)?
  /// Room for the memories behind each token of such a call but its last.
  private var steps: [Activations] = []

  /// A copy of the memories, head after head.
  package var memoryValues: [Float] { memory.values }

  /// The state before the first token: zeros.
  package init(_ shape: GatedDeltaNet, convolution: CausalConvolution) {
    memory = Activations(rows: shape.valueHeads * shape.keyDimension, columns: shape.valueDimension)
    memory.clear()
    history = Activations(rows: convolution.width - 1, columns: convolution.channels)
    history.clear()
  }

  /// Convolves the inputs of further tokens, [T, channels], after those before them.
  package func convolve(_ x: Activations, by convolution: CausalConvolution, _ compute: Compute) -> Activations {
    if keepsSteps { convolved = (history.copy(of: 0..<history.rows), x) }
    return convolution(x, history: history, compute)
  }

  /// Where the memories behind each of so many tokens but the last go; empty where they are not kept.
  func room(forSteps tokens: Int) -> [Activations] {
    guard keepsSteps else { return [] }
    while steps.count < tokens - 1 { steps.append(Activations(rows: memory.rows, columns: memory.columns)) }
    return Array(steps[..<(tokens - 1)])
  }

  /// Goes back behind the first `kept` tokens, at least one, of the newest call, during which steps were kept.
  package func rewind(keeping kept: Int) {
    guard let (before, inputs) = convolved, kept > 0, kept < inputs.rows else {
      preconditionFailure("steps were kept, and the first of them stays")
    }
    swap(&memory, &steps[kept - 1])
    let moved = min(kept, history.rows)
    history.replace(from: 0, by: before, moved..<history.rows)
    history.replace(from: history.rows - moved, by: inputs, kept - moved..<kept)
  }
}

/// Linear attention with a decaying memory that is corrected, not only added to (the gated delta rule).
///
/// Per value head, with S the [keyDimension, valueDimension] memory and unit-length q, k:
///
///     S <- exp(g) S;   d = (v - S^T k) beta;   S <- S + k d^T;   o = S^T q
///
/// Source: "Gated Delta Networks: Improving Mamba2 with Delta Rule" (Yang, Kautz, Hatamizadeh, 2024).
package struct GatedDeltaNet: Sendable {
  package let keyHeads: Int
  package let valueHeads: Int
  package let keyDimension: Int
  package let valueDimension: Int
  package let order: ValueHeadOrder

  /// Heads and their sizes; value heads are a multiple of key heads.
  package init(keyHeads: Int, valueHeads: Int, keyDimension: Int, valueDimension: Int, order: ValueHeadOrder) {
    precondition(valueHeads % keyHeads == 0, "each key head serves the same number of value heads")
    self.keyHeads = keyHeads
    self.valueHeads = valueHeads
    self.keyDimension = keyDimension
    self.valueDimension = valueDimension
    self.order = order
  }

  /// Columns of queries, keys and values side by side.
  package var channels: Int { 2 * keyHeads * keyDimension + valueHeads * valueDimension }

  /// How a call goes through its tokens; both ways give the same numbers up to rounding.
  package enum Form: Sendable {
    /// One token after the other.
    case recurrent
    /// Sixty-four at a time, as matrix products.
    case chunked
  }

  /// Tokens that the chunked form works on together.
  static let chunk = 64
  /// Fewer tokens than this go one after the other.
  static let fewTokens = 16

  func keyHead(of valueHead: Int) -> Int {
    switch order {
    case .grouped: valueHead / (valueHeads / keyHeads)
    case .tiled: valueHead % keyHeads
    }
  }

  /// Runs T tokens through the memory.
  ///
  /// `mixed` is [T, q | k | v] after the convolution, its queries and keys are normalised in place; `decay` is g, [T, valueHeads], and
  /// `beta` likewise. Returns o, [T, valueHeads * valueDimension]. The recurrent form is taken for a few tokens unless `form` says.
  package func callAsFunction(
    _ mixed: Activations, decay: Activations, beta: Activations, state: DeltaNetState, form: Form? = nil,
    _ compute: Compute
  ) -> Activations {
    precondition(mixed.columns == channels && decay.columns == valueHeads && beta.columns == valueHeads)
    let result = Activations(rows: mixed.rows, columns: valueHeads * valueDimension)
    normalize(mixed, compute)
    let chosen = form ?? (mixed.rows < Self.fewTokens ? .recurrent : .chunked)
    let memory = state.memory
    let steps = state.room(forSteps: mixed.rows)
    precondition(steps.isEmpty || chosen == .recurrent, "steps are kept of a few tokens")
    compute.each(valueHeads) { part in
      for head in part {
        let job = Head(
          shape: self, head: head, mixed: mixed, decay: decay, beta: beta, memory: memory, result: result,
          kernels: compute.kernels)
        switch chosen {
        case .recurrent: job.recurrent(keeping: steps, at: head * keyDimension * valueDimension)
        case .chunked: job.chunked()
        }
      }
    }
    return result
  }

  /// Brings the queries and keys of [T, q | k | v] to one length, in place.
  func normalize(_ mixed: Activations, _ compute: Compute) {
    compute.each(mixed.rows, grain: 16) { part in
      for t in part {
        for head in 0..<2 * keyHeads {
          let start = mixed.base + t * channels + head * keyDimension
          normalizeLength(start, keyDimension, epsilon: Self.lengthEpsilon, factor: factor(of: head), compute.kernels)
        }
      }
    }
  }

  static let lengthEpsilon: Float = 1e-6

  /// The length that queries, the first of the heads, and keys, those behind them, are brought to.
  ///
  /// Queries carry the 1/sqrt(dimension) of the scores.
  func factor(of head: Int) -> Float { head < keyHeads ? 1 / Float(keyDimension).squareRoot() : 1 }

  /// One value head's way through one call.
  struct Head: ~Escapable {
    let queries: MatrixPart  // [T, keyDimension], a part of each row of `mixed`
    let keys: MatrixPart
    let values: MatrixPart
    let decay: MatrixPart  // [T, 1]
    let beta: MatrixPart
    let memory: Floats  // [keyDimension, valueDimension]
    let output: Floats  // [T, valueDimension], a part of each row
    let outputStride: Int
    let tokens: Int
    let keyDimension: Int
    let valueDimension: Int
    let kernels: EngineKernels

    @_lifetime(borrow mixed, borrow decay, borrow beta, borrow memory, borrow result)
    init(
      shape: GatedDeltaNet, head: Int, mixed: borrowing Activations, decay: borrowing Activations,
      beta: borrowing Activations, memory: borrowing Activations, result: borrowing Activations, kernels: EngineKernels
    ) {
      self.kernels = kernels
      tokens = mixed.rows
      keyDimension = shape.keyDimension
      valueDimension = shape.valueDimension
      let place = shape.keyHead(of: head) * keyDimension
      let keyColumns = shape.keyHeads * keyDimension
      queries = MatrixPart(mixed.base + place, stride: mixed.columns)
      keys = MatrixPart(mixed.base + keyColumns + place, stride: mixed.columns)
      values = MatrixPart(mixed.base + 2 * keyColumns + head * valueDimension, stride: mixed.columns)
      self.decay = MatrixPart(decay.base + head, stride: decay.columns)
      self.beta = MatrixPart(beta.base + head, stride: beta.columns)
      self.memory = memory.base + head * keyDimension * valueDimension
      output = result.base + head * valueDimension
      outputStride = result.columns
    }

    /// One token after the other, as the rule is written.
    ///
    /// The memory behind each of the first tokens is kept in one of `steps`, where this head's place is `start`.
    func recurrent(keeping steps: [Activations], at start: Int) {
      for t in 0..<tokens {
        kernels.deltaStep(
          memory, keys: keyDimension, values: valueDimension, k: keys.start + t * keys.stride,
          q: queries.start + t * queries.stride, v: values.start + t * values.stride,
          kept: Exponential.exp(decay.start[t * decay.stride]), rate: beta.start[t * beta.stride],
          into: output + t * outputStride)
        if t < steps.count { steps[t].keep(memory, at: start, count: keyDimension * valueDimension) }
      }
    }
  }
}
