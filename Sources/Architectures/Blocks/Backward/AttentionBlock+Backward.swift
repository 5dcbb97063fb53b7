import Engine

extension AttentionBlock {
  func pullback(_ u: Activations, turns: Turns, _ compute: Compute) -> Pullback {
    let (first, plainKeys, values) = projected(u, compute)
    let plainQueries = isGated ? first.everyOther(attention.dimension, compute) : first
    let (queries, keys) = (plainQueries.copy(of: 0..<u.rows), plainKeys.copy(of: 0..<u.rows))
    turn(queries, heads: attention.heads, norm: attn_q_norm, turns, compute)
    turn(keys, heads: attention.keyValueHeads, norm: attn_k_norm, turns, compute)
    let cache = KeyValueCache(heads: attention.keyValueHeads, dimension: attention.dimension, capacity: u.rows)
    cache.append(keys: keys, values: values)
    let mixed = attention(queries, over: cache, blocks: turns.blocks, compute)
    let gated = isGated ? mixed.copy(of: 0..<u.rows) : mixed
    if isGated { gateAttention(gated, by: first, heads: attention.heads, compute) }
    return Pullback(
      output: { attn_output(gated, compute) },
      backward: { gradient, visit in
        let atMixed = attn_output.backward(gradient, of: gated, compute, visit)
        let atGates =
          isGated
          ? gateAttentionBackward(atMixed, of: mixed, by: first, heads: attention.heads, compute) : nil
        let (atQueries, atKeys, atValues) = attention.backward(
          atMixed, queries: queries, keys: keys, values: values, blocks: turns.blocks, compute)
        let query = turnBack(
          atQueries, of: plainQueries, heads: attention.heads, norm: attn_q_norm, turns, compute)
        let key = turnBack(
          atKeys, of: plainKeys, heads: attention.keyValueHeads, norm: attn_k_norm, turns, compute)
        let firstSide = atGates.map { query.alternating(with: $0, attention.dimension, compute) } ?? query
        return backward([firstSide, key, atValues], of: u, compute, visit)
      })
  }

  /// Gradients at queries, keys and values to the one at what they were projected from.
  private func backward(
    _ sides: [Activations], of u: Activations, _ compute: Compute, _ visit: GradientVisitor?
  ) -> Activations {
    if projections.count == 1 { return projections[0].backward(.sideBySide(sides, compute), of: u, compute, visit) }
    let result = projections[2].backward(sides[2], of: u, compute, visit)
    for index in [1, 0] { result.add(projections[index].backward(sides[index], of: u, compute, visit), compute) }
    return result
  }

  /// The gradient at normed and turned heads to the one at `plain` ones.
  private func turnBack(
    _ gradient: Activations, of plain: Activations, heads: Int, norm: RMSNorm?, _ turns: Turns, _ compute: Compute
  ) -> Activations {
    if let rotary { rotary.turnBack(gradient, heads: heads, turns: turns.table(rotary), compute) }
    return norm?.backward(gradient, of: plain, compute) ?? gradient
  }
}
