import Engine

extension GatedFeedForward {
  func pullback(_ v: Activations, _ compute: Compute) -> Pullback {
    let (gate, up) = products(v, compute)
    let product = gate.copy(of: 0..<gate.rows)
    activation(gate: product, up: up, compute)
    return Pullback(
      output: { ffn_down(product, compute) },
      backward: { gradient, visit in
        let atProduct = ffn_down.backward(gradient, of: product, compute, visit)
        let (atGate, atUp) = (gate.copy(of: 0..<gate.rows), up.copy(of: 0..<up.rows))
        activation.backward(atProduct, gate: atGate, up: atUp, compute)
        guard let ffn_gate else { return ffn_up.backward(.sideBySide([atGate, atUp], compute), of: v, compute, visit) }
        let result = ffn_up.backward(atUp, of: v, compute, visit)
        result.add(ffn_gate.backward(atGate, of: v, compute, visit), compute)
        return result
      })
  }
}
