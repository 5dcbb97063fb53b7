import Base
import Engine

/// down(f(gate(v)) * up(v)), with gate and up in one matrix or in two.
struct GatedFeedForward: FeedForward {
  /// Nil where its rows stand before those of `ffn_up`.
  let ffn_gate: Projection?  // [intermediate, hidden]
  let ffn_up: Projection  // [intermediate, hidden], or [gate | up, hidden]
  let ffn_down: Projection  // [hidden, intermediate]
  /// f(gate) * up.
  let activation: GatedProduct

  /// Looks up the weights of block `blk`, such as `blk.0.`; `suffix` tells kinds of experts apart.
  init(
    _ loader: WeightLoader, _ blk: String, suffix: String = "", _ activation: GatedProduct = .silu
  ) throws(CheckpointError) {
    let gate = blk + "ffn_gate" + suffix
    ffn_gate = loader.has(gate + ".weight") ? try loader.projection(gate) : nil
    ffn_up = try loader.projection(blk + "ffn_up" + suffix)
    ffn_down = try loader.projection(blk + "ffn_down" + suffix)
    self.activation = activation
  }

  var ends: (inputs: [WeightMatrix], output: WeightMatrix)? {
    (inputs: [ffn_gate, ffn_up].compactMap { $0?.weight }, output: ffn_down.weight)
  }

  func callAsFunction(_ v: Activations, _ compute: Compute) -> Activations { close(open(v, compute), compute) }

  func open(_ v: Activations, _ compute: Compute) -> Activations {
    let (gate, up) = products(v, compute)  // [T, intermediate]
    activation(gate: gate, up: up, compute)
    return gate
  }

  func close(_ opened: Activations, _ compute: Compute) -> Activations { ffn_down(opened, compute) }

  func products(_ v: Activations, _ compute: Compute) -> (gate: Activations, up: Activations) {
    if let ffn_gate { return (ffn_gate(v, compute), ffn_up(v, compute)) }
    let both = ffn_up(v, compute)
    let width = both.columns / 2
    return (both.columns(0..<width, compute), both.columns(width..<2 * width, compute))
  }
}
