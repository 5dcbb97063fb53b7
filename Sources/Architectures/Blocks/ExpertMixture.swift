import Base
import Engine

/// Experts of which each token goes through a few, chosen by a router, and one that every token goes through where the family has it.
struct ExpertMixture: FeedForward {
  let ffn_gate_inp: Projection  // [experts, hidden]
  let routing: ExpertRouting
  let experts: Experts
  let shared: SharedExpert?

  /// An expert for every token, behind a gate of one number.
  struct SharedExpert: Sendable {
    let ffn_gate_inp_shexp: WeightMatrix  // [1, hidden]
    let network: GatedFeedForward
  }

  /// Looks up the weights of block `blk`, such as `blk.0.`; biases and a shared expert where the family's rules have them.
  init(
    _ loader: WeightLoader, _ blk: String, _ e: ExpertConfiguration, _ weights: ExpertRouting.Weights,
    _ activation: GatedProduct = .silu
  ) throws(CheckpointError) {
    ffn_gate_inp = try loader.projection(blk + "ffn_gate_inp")
    routing = ExpertRouting(count: e.count, used: e.used, weights: weights)
    func matrices(_ name: String) throws(CheckpointError) -> ExpertMatrices {
      let bias = blk + name + ".bias"
      return ExpertMatrices(
        try loader.stack(blk + name + ".weight", count: e.count),
        biases: loader.has(bias) ? try loader.values(bias) : [])
    }
    experts = Experts(
      gate: try matrices("ffn_gate_exps"), up: try matrices("ffn_up_exps"), down: try matrices("ffn_down_exps"),
      activation)
    shared =
      e.sharedWidth == nil
      ? nil
      : SharedExpert(
        ffn_gate_inp_shexp: try loader.matrix(blk + "ffn_gate_inp_shexp.weight"),
        network: try GatedFeedForward(loader, blk, suffix: "_shexp"))
  }

  var ends: (inputs: [WeightMatrix], output: WeightMatrix)? { nil }

  func close(_ opened: Activations, _ compute: Compute) -> Activations { opened }

  func open(_ v: Activations, _ compute: Compute) -> Activations {
    let result = experts(v, routing(ffn_gate_inp(v, compute)), compute)
    if let shared {
      let everyone = shared.network(v, compute)
      everyone.multiply(bySigmoidOf: compute(v, shared.ffn_gate_inp_shexp), compute)
      result.add(everyone, compute)
    }
    return result
  }
}
