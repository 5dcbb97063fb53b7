import Base

extension DecoderRules {
  /// The router and the experts under a prefix such as `model.layers.0.mlp.`, and the expert that every token goes through.
  func experts(_ from: String, _ to: String, _ e: ExpertConfiguration) -> [TensorRule] {
    let hidden = c.hiddenSize
    var rules = projection(from + "gate", to + "ffn_gate_inp", e.count, hidden)
    switch e.forms[part] ?? .apart {
    case .apart:
      rules += stack(from + "experts.", "gate_proj", to + "ffn_gate_exps", e, [e.width, hidden])
      rules += stack(from + "experts.", "up_proj", to + "ffn_up_exps", e, [e.width, hidden])
      rules += stack(from + "experts.", "down_proj", to + "ffn_down_exps", e, [hidden, e.width])
    case .fused:
      rules += ["ffn_gate_exps", "ffn_up_exps"].enumerated().map { index, name in
        TensorRule(
          from + "experts.gate_up_proj", to + name + ".weight", part: part, shape: [e.count, 2 * e.width, hidden],
          ggufShape: [e.count, e.width, hidden],
          steps: [.plane(.init(index: index, count: 2, width: e.width * hidden))])
      }
      rules.append(
        TensorRule(
          from + "experts.down_proj", to + "ffn_down_exps.weight", part: part, shape: [e.count, hidden, e.width]))
    }
    guard let width = e.sharedWidth else { return rules }
    let shared = from + "shared_expert."
    rules += projection(shared + "gate_proj", to + "ffn_gate_shexp", width, hidden)
    rules += projection(shared + "up_proj", to + "ffn_up_shexp", width, hidden)
    rules += projection(shared + "down_proj", to + "ffn_down_shexp", hidden, width)
    return rules + projection(from + "shared_expert_gate", to + "ffn_gate_inp_shexp", 1, hidden)
  }

  /// A matrix of each expert, which GGUF keeps stacked.
  private func stack(
    _ from: String, _ name: String, _ to: String, _ e: ExpertConfiguration, _ shape: [Int]
  ) -> [TensorRule] {
    (0..<e.count).map { expert in
      TensorRule(
        "\(from)\(expert).\(name).weight", to + ".weight", part: part, shape: shape, ggufShape: [e.count] + shape,
        steps: [.item(expert, of: e.count)])
    }
  }
}
