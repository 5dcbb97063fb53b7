import Base
import Engine

/// One layer of a vision encoder: attention among the patches of a picture and a feed-forward part, each behind a norm and added to what
/// came in.
struct VisionBlock: Sendable {
  let ln1: LayerNorm
  /// `attn_qkv`, or `attn_q`, `attn_k` and `attn_v`: [N, hidden] to [N, 3 * hidden] in all.
  let inputs: [Projection]
  let attention: PatchAttention
  let attn_out: Projection
  let ln2: LayerNorm
  let ffn_up: Projection
  let ffn_down: Projection

  /// Looks up the weights of block `blk`, such as `v.blk.0.`.
  init(
    _ loader: WeightLoader, _ blk: String, _ attention: PatchAttention, epsilon: Float
  ) throws(CheckpointError) {
    let names = loader.has(blk + "attn_qkv.weight") ? ["attn_qkv"] : ["attn_q", "attn_k", "attn_v"]
    inputs = try names.map { name throws(CheckpointError) in try loader.projection(blk + name) }
    self.attention = attention
    attn_out = try loader.projection(blk + "attn_out")
    ffn_up = try loader.projection(blk + "ffn_up")
    ffn_down = try loader.projection(blk + "ffn_down")
    ln1 = try loader.layerNorm(blk + "ln1", epsilon)
    ln2 = try loader.layerNorm(blk + "ln2", epsilon)
  }

  /// Takes the patches of one picture through the block, in place: [N, hidden].
  ///
  /// `turns` are those of their places, for encoders that turn queries and keys.
  func callAsFunction(_ x: Activations, turns: PatchTurns?, _ compute: Compute) {
    let u = ln1(x, compute)
    let parts = inputs.map { $0(u, compute) }
    let qkv = parts.count == 1 ? parts[0] : Activations.sideBySide(parts, compute)  // [N, 3 * hidden]
    x.add(attn_out(attention(qkv, turns: turns, compute), compute), compute)
    let inner = ffn_up(ln2(x, compute), compute)
    GELU.approximate(inner, compute)
    x.add(ffn_down(inner, compute), compute)
  }
}

extension WeightLoader {
  func layerNorm(_ name: String, _ epsilon: Float) throws(CheckpointError) -> LayerNorm {
    LayerNorm(weight: try values(name + ".weight"), bias: try values(name + ".bias"), epsilon: epsilon)
  }
}
