import Base
import Engine

/// Grouped-query attention with its projections: q, k and v from the hidden state, in one matrix or in three, norms of their heads and a rotary
/// embedding where the family has them, and the way back.
struct AttentionBlock: TokenMixer {
  /// `attn_q`, `attn_k` and `attn_v`, or `attn_qkv` alone with their rows one after another.
  let projections: [Projection]
  let attn_output: Projection  // [hidden, heads * dimension]
  /// Norms of each head of q and k, before they are turned.
  let attn_q_norm: RMSNorm?
  let attn_k_norm: RMSNorm?
  /// Nil for a layer without positions.
  let rotary: RotaryEmbedding?
  let attention: CausalAttention
  /// Whether rows of `attn_q` hold, head by head, a query and then its output gate.
  let isGated: Bool

  /// Looks up the weights of block `blk`, such as `blk.0.`; biases, norms and sinks where the family's rules have them.
  ///
  /// Scores are multiplied by `scale`, dimension^-0.5 without one.
  init(
    _ loader: WeightLoader, _ blk: String, _ c: DecoderConfiguration, rotary: RotaryEmbedding?, window: Int? = nil,
    scale: Float? = nil, isGated: Bool = false
  ) throws(CheckpointError) {
    let names = loader.has(blk + "attn_qkv.weight") ? ["attn_qkv"] : ["attn_q", "attn_k", "attn_v"]
    projections = try names.map { name throws(CheckpointError) in try loader.projection(blk + name) }
    attn_output = try loader.projection(blk + "attn_output")
    func norm(_ name: String) throws(CheckpointError) -> RMSNorm? {
      loader.has(blk + name) ? try loader.rmsNorm(blk + name, c.rmsEpsilon) : nil
    }
    attn_q_norm = try norm("attn_q_norm.weight")
    attn_k_norm = try norm("attn_k_norm.weight")
    (self.rotary, self.isGated) = (rotary, isGated)
    let sinks = blk + "attn_sinks.weight"
    attention = CausalAttention(
      heads: c.headCount, keyValueHeads: c.keyValueHeadCount, dimension: c.headDimension,
      scale: scale ?? 1 / Float(c.headDimension).squareRoot(), window: window,
      sinks: loader.has(sinks) ? try loader.values(sinks) : [])
  }

  func makeState(capacity: Int) -> LayerState {
    .attention(KeyValueCache(heads: attention.keyValueHeads, dimension: attention.dimension, capacity: capacity))
  }

  var inputs: [WeightMatrix] { projections.map(\.weight) }
  var output: WeightMatrix { attn_output.weight }

  func mix(_ u: Activations, turns: Turns, states: [LayerState], _ compute: Compute) -> Activations {
    let (first, keys, values) = projected(u, compute)
    let queries = isGated ? first.everyOther(attention.dimension, compute) : first  // [T, heads * dimension]
    turn(queries, heads: attention.heads, norm: attn_q_norm, turns, compute)
    turn(keys, heads: attention.keyValueHeads, norm: attn_k_norm, turns, compute)
    let mixed = Activations.bySequence(states.map(\.cache), [queries, keys, values]) { cache, parts in
      cache.append(keys: compute.remembered(parts[1]), values: compute.remembered(parts[2]))
      return attention(parts[0], over: cache, blocks: turns.blocks, compute)
    }
    if isGated { gateAttention(mixed, by: first, heads: attention.heads, compute) }
    return mixed
  }

  /// Adds the keys and values of tokens of one sequence, whose normed hidden states are [T, hidden], and asks nothing of them.
  func remember(_ u: Activations, turns: Turns, cache: KeyValueCache, _ compute: Compute) {
    precondition(projections.count == 3, "keys and values have matrices of their own")
    let keys = projections[1](u, compute)
    turn(keys, heads: attention.keyValueHeads, norm: attn_k_norm, turns, compute)
    cache.append(keys: compute.remembered(keys), values: compute.remembered(projections[2](u, compute)))
  }

  func project(_ mixed: Activations, _ compute: Compute) -> Activations { attn_output(mixed, compute) }

  /// Queries, [T, heads * dimension] or with a gate behind each of them, keys and values, [T, keyValueHeads * dimension].
  func projected(
    _ u: Activations, _ compute: Compute
  ) -> (queries: Activations, keys: Activations, values: Activations) {
    guard projections.count == 1 else {
      return (projections[0](u, compute), projections[1](u, compute), projections[2](u, compute))
    }
    let all = projections[0](u, compute)
    let query = attention.heads * attention.dimension
    let key = attention.keyValueHeads * attention.dimension
    return (
      all.columns(0..<query, compute), all.columns(query..<query + key, compute),
      all.columns(query + key..<query + 2 * key, compute)
    )
  }

  func turn(_ x: Activations, heads: Int, norm: RMSNorm?, _ turns: Turns, _ compute: Compute) {
    if let rotary {
      rotary.normAndRotate(x, heads: heads, norm: norm, turns: turns.table(rotary), compute)
    } else if let norm {
      norm.apply(toHeadsOf: x, compute)
    }
  }
}
