import Engine

extension Qwen35.TextModel {
  /// Gated attention over everything each sequence has seen: [T, hidden] to [T, hidden].
  func attention(
    _ u: Activations, _ w: Qwen35.AttentionWeights, caches: [KeyValueCache], turns: Activations, _ compute: Compute
  ) -> Activations {
    let c = configuration
    let queriesAndGates = compute(u, w.attn_q)  // [T, heads * (query | gate)]
    let keys = compute(u, w.attn_k)  // [T, keyValueHeads * dimension]
    let values = compute(u, w.attn_v)
    let queries = queriesAndGates.everyOther(c.headDimension, compute)  // [T, heads * dimension]
    rotary.normAndRotate(queries, heads: c.headCount, norm: w.attn_q_norm, turns: turns, compute)
    rotary.normAndRotate(
      keys, heads: c.keyValueHeadCount, norm: w.attn_k_norm, turns: turns, compute)

    let mixed = Activations.bySequence(caches, [queries, keys, values]) { cache, parts in
      cache.append(keys: parts[1], values: parts[2])
      return causalAttention(parts[0], over: cache, compute)
    }
    gateAttention(mixed, by: queriesAndGates, heads: c.headCount, compute)
    return compute(mixed, w.attn_output)
  }
}
