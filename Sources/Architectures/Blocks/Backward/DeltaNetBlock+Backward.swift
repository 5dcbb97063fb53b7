import Base
import Engine

extension DeltaNetBlock {
  func pullback(_ u: Activations, turns: Turns, _ compute: Compute) -> Pullback {
    let inputs = compute(u, attn_qkv)
    let gate = compute(u, attn_gate)
    let (plainBeta, plainDecay) = rates(of: u, compute)
    let (beta, decay) = (plainBeta.copy(of: 0..<u.rows), plainDecay.copy(of: 0..<u.rows))
    curve(beta, decay)
    let state = DeltaNetState(gatedDeltaNet, convolution: ssm_conv1d)
    let mixed = ssm_conv1d(inputs, history: state.history, compute)
    // It norms queries and keys in place.
    let read = gatedDeltaNet(mixed.copy(of: 0..<u.rows), decay: decay, beta: beta, state: state, compute)
    let normed = read.copy(of: 0..<u.rows)
    ssm_norm.apply(toHeadsOf: normed, gate: gate, compute)
    let order = ssm_out.order
    let output = order.map { normed.ordered($0, compute) } ?? normed
    return Pullback(
      output: { compute(output, ssm_out) },
      backward: { gradient, visit in
        let atOutput = compute.backward(gradient, of: output, through: ssm_out, visit)
        let atNormed = order.map { atOutput.ordered($0.inverse, compute) } ?? atOutput
        let (atRead, atGate) = ssm_norm.backward(atNormed, of: read, gate: gate, compute)
        let (atMixed, atDecay, atBeta) = gatedDeltaNet.backward(
          atRead, mixed: mixed, decay: decay, beta: beta, compute)
        for t in 0..<u.rows {
          for head in 0..<beta.columns {
            atBeta[t, head] *= beta[t, head] * (1 - beta[t, head])
            // The slope of softplus is the sigmoid.
            atDecay[t, head] *= ssm_a[head] * Exponential.sigmoid(plainDecay[t, head] + ssm_dt[head])
          }
        }
        let result = backwardThroughRates(beta: atBeta, decay: atDecay, of: u, compute, visit)
        result.add(compute.backward(atGate, of: u, through: attn_gate, visit), compute)
        let atInputs = ssm_conv1d.backward(atMixed, of: inputs, compute)
        result.add(compute.backward(atInputs, of: u, through: attn_qkv, visit), compute)
        return result
      })
  }

  /// Back through ``rates(of:_:)``.
  private func backwardThroughRates(
    beta: Activations, decay: Activations, of u: Activations, _ compute: Compute, _ visit: GradientVisitor?
  ) -> Activations {
    switch rates {
    case .apart(let betaMatrix, let alphaMatrix):
      let result = compute.backward(decay, of: u, through: alphaMatrix, visit)
      result.add(compute.backward(beta, of: u, through: betaMatrix, visit), compute)
      return result
    case .grouped(let matrix):
      let both = beta.alternating(with: decay, gatedDeltaNet.valueHeads / gatedDeltaNet.keyHeads, compute)
      return compute.backward(both, of: u, through: matrix, visit)
    }
  }
}
