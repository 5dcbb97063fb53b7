import Base
import Containers
import Engine

/// The gated delta net with its projections, a convolution before it and a gated norm behind it.
///
/// Value heads lie in the order of the file, but for the columns of `ssm_out`: those are multiplied in GGUF's order whatever the file
/// has, so that a conversion changes no bit of any sum.
struct DeltaNetBlock: TokenMixer {
  /// What says how much of the memory is corrected (beta) and how much of it is kept (alpha), for each value head.
  enum Rates: Sendable {
    case apart(beta: WeightMatrix, alpha: WeightMatrix)  // [value heads, hidden] each
    /// For every key head those of beta for its value heads, then those of alpha.
    case grouped(WeightMatrix)  // [2 * value heads, hidden]

    var matrices: [WeightMatrix] {
      switch self {
      case .apart(let beta, let alpha): [beta, alpha]
      case .grouped(let both): [both]
      }
    }
  }

  let attn_qkv: WeightMatrix  // [channels, hidden]
  let attn_gate: WeightMatrix  // [value width, hidden]
  let rates: Rates
  let ssm_conv1d: CausalConvolution
  let ssm_a: [Float]  // -exp(A_log), one for each value head
  let ssm_dt: [Float]
  let ssm_norm: RMSNorm
  let ssm_out: WeightMatrix  // [hidden, value width]
  let gatedDeltaNet: GatedDeltaNet

  /// Looks up the weights of block `blk`, such as `blk.0.`.
  init(
    _ loader: WeightLoader, _ blk: String, _ c: HybridConfiguration, order: ValueHeadOrder
  ) throws(CheckpointError) {
    attn_qkv = try loader.matrix(blk + "attn_qkv.weight")
    attn_gate = try loader.matrix(blk + "attn_gate.weight")
    let grouped = blk + "ssm_ba.weight"
    rates =
      loader.has(grouped)
      ? .grouped(try loader.matrix(grouped))
      : .apart(
        beta: try loader.matrix(blk + "ssm_beta.weight"), alpha: try loader.matrix(blk + "ssm_alpha.weight"))
    ssm_conv1d = CausalConvolution(
      channels: c.convolutionChannels, width: c.convolutionKernel,
      weight: try loader.values(blk + "ssm_conv1d.weight"))
    ssm_a = try loader.values(blk + "ssm_a")
    ssm_dt = try loader.values(blk + "ssm_dt.bias")
    ssm_norm = try loader.rmsNorm(blk + "ssm_norm.weight", c.rmsEpsilon)
    ssm_out = try loader.matrix(blk + "ssm_out.weight")
    gatedDeltaNet = GatedDeltaNet(
      keyHeads: c.linearKeyHeads, valueHeads: c.linearValueHeads, keyDimension: c.linearKeyHeadDimension,
      valueDimension: c.linearValueHeadDimension, order: order)
  }

  func makeState(capacity: Int) -> LayerState { .deltaNet(DeltaNetState(gatedDeltaNet, convolution: ssm_conv1d)) }

  var inputs: [WeightMatrix] { [attn_qkv, attn_gate] + rates.matrices }
  var output: WeightMatrix { ssm_out }

  func mix(_ u: Activations, turns: Turns, states: [LayerState], _ compute: Compute) -> Activations {
    let inputs = compute(u, attn_qkv)  // [T, q | k | v]
    let gate = compute(u, attn_gate)  // [T, value width]
    let (beta, decay) = rates(of: u, compute)  // [T, value heads]
    curve(beta, decay)
    let output = Activations.bySequence(states.map(\.memory), [inputs, decay, beta]) { state, parts in
      let mixed = state.convolve(parts[0], by: ssm_conv1d, compute)
      return gatedDeltaNet(mixed, decay: parts[1], beta: parts[2], state: state, compute)
    }
    ssm_norm.apply(toHeadsOf: output, gate: gate, compute)
    return ssm_out.order.map { output.ordered($0, compute) } ?? output
  }

  func project(_ mixed: Activations, _ compute: Compute) -> Activations { compute(mixed, ssm_out) }

  /// What the projections give, to how much is corrected and the logarithm of how much is kept, in place.
  func curve(_ beta: Activations, _ decay: Activations) {
    for t in 0..<beta.rows {
      for head in 0..<beta.columns {
        beta[t, head] = Exponential.sigmoid(beta[t, head])
        decay[t, head] = ssm_a[head] * Exponential.softplus(decay[t, head] + ssm_dt[head])
      }
    }
  }

  /// What the projections give for beta and for alpha: [T, value heads] each.
  func rates(of u: Activations, _ compute: Compute) -> (beta: Activations, decay: Activations) {
    switch rates {
    case .apart(let beta, let alpha): return (compute(u, beta), compute(u, alpha))
    case .grouped(let matrix):
      let both = compute(u, matrix)  // [T, key heads * (beta | alpha)]
      let ratio = gatedDeltaNet.valueHeads / gatedDeltaNet.keyHeads
      let alpha = Activations(rows: u.rows, columns: gatedDeltaNet.valueHeads)
      for t in 0..<u.rows {
        for head in 0..<alpha.columns {
          alpha[t, head] = both[t, (2 * (head / ratio) + 1) * ratio + head % ratio]
        }
      }
      return (both.everyOther(ratio, compute), alpha)
    }
  }
}
