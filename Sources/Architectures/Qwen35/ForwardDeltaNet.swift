import Engine

extension Qwen35.TextModel {
  /// The gated delta net: [T, hidden] to [T, hidden].
  func deltaNet(
    _ u: Activations, _ w: Qwen35.DeltaNetWeights, states: [DeltaNetState], _ compute: Compute
  ) -> Activations {
    let inputs = compute(u, w.attn_qkv)  // [T, q | k | v]
    let gate = compute(u, w.attn_gate)  // [T, value width]
    let beta = compute(u, w.ssm_beta)  // [T, value heads]
    let decay = compute(u, w.ssm_alpha)  // [T, value heads]
    for t in 0..<u.rows {
      for head in 0..<beta.columns {
        beta[t, head] = Exponential.sigmoid(beta[t, head])
        decay[t, head] = w.ssm_a[head] * Exponential.softplus(decay[t, head] + w.ssm_dt[head])
      }
    }
    let output = Activations.bySequence(states, [inputs, decay, beta]) { state, parts in
      let mixed = w.ssm_conv1d(parts[0], history: state.history, compute)
      return gatedDeltaNet(mixed, decay: parts[1], beta: parts[2], state: state, compute)
    }
    w.ssm_norm.apply(toHeadsOf: output, gate: gate, compute)
    return compute(w.ssm_out.order.map { output.ordered($0, compute) } ?? output, w.ssm_out)
  }
}
