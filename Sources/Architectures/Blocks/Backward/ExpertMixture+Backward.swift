import Engine

extension ExpertMixture {
  func pullback(_ v: Activations, _ compute: Compute) -> Pullback {
    let logits = ffn_gate_inp(v, compute)
    let choice = routing(logits)
    let everyone = shared?.pullback(v, compute)
    return Pullback(
      output: {
        let result = experts(v, choice, compute)
        if let everyone { result.add(everyone.output(), compute) }
        return result
      },
      backward: { gradient, visit in
        let (result, weights) = experts.backward(gradient, of: v, choice, compute, visit)
        let atLogits = routing.backward(weights, of: choice, logits: logits)
        result.add(ffn_gate_inp.backward(atLogits, of: v, compute, visit), compute)
        if let everyone { result.add(everyone.backward(gradient, visit), compute) }
        return result
      })
  }
}

extension ExpertMixture.SharedExpert {
  fileprivate func pullback(_ v: Activations, _ compute: Compute) -> Pullback {
    let inside = network.pullback(v, compute)
    let plain = inside.output()
    let gates = compute(v, ffn_gate_inp_shexp)  // [T, 1]
    return Pullback(
      output: {
        let result = plain.copy(of: 0..<plain.rows)
        result.multiply(bySigmoidOf: gates, compute)
        return result
      },
      backward: { gradient, visit in
        let atPlain = gradient.copy(of: 0..<gradient.rows)
        let atGates = atPlain.backwardThroughSigmoid(of: gates, rows: plain, compute)
        let result = compute.backward(atGates, of: v, through: ffn_gate_inp_shexp, visit)
        result.add(inside.backward(atPlain, visit), compute)
        return result
      })
  }
}
