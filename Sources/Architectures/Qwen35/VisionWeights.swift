import Containers
import Engine
import Base

extension Qwen35 {
  /// The weights of the vision encoder, by the names they have in GGUF.
  struct VisionWeights: Sendable {
    /// One matrix a frame, each [hidden, channels * patch area].
    let patch_embd: [WeightMatrix]
    let patch_embd_bias: [Float]
    let position_embd: [Float]  // [positions, hidden]
    let blocks: [VisionBlock]
    let post_ln: LayerNorm
    let mm_0: BiasedMatrix  // [merged, merged]
    let mm_2: BiasedMatrix  // [out, merged]
  }

  /// One block: attention and a feed-forward part, each behind a norm.
  struct VisionBlock: Sendable {
    let ln1: LayerNorm
    let attn_qkv: BiasedMatrix  // [3 * hidden, hidden]
    let attn_out: BiasedMatrix
    let ln2: LayerNorm
    let ffn_up: BiasedMatrix
    let ffn_down: BiasedMatrix
  }

  /// A matrix with a bias for each of its rows.
  struct BiasedMatrix: Sendable {
    let weight: WeightMatrix
    let bias: [Float]

    func callAsFunction(_ x: Activations, _ compute: Compute) -> Activations {
      let y = compute(x, weight)
      y.add(bias: bias, compute)
      return y
    }
  }
}

extension Qwen35.VisionWeights {
  /// Looks up every weight of the encoder.
  init(_ loader: WeightLoader, _ c: Qwen35.Vision) throws(CheckpointError) {
    patch_embd = [try loader.flattened("v.patch_embd.weight"), try loader.flattened("v.patch_embd.weight.1")]
    patch_embd_bias = try loader.values("v.patch_embd.bias")
    position_embd = try loader.values("v.position_embd.weight")
    var blocks: [Qwen35.VisionBlock] = []
    for index in 0..<c.depth {
      let blk = "v.blk.\(index)."
      blocks.append(
        Qwen35.VisionBlock(
          ln1: try loader.layerNorm(blk + "ln1", c), attn_qkv: try loader.biased(blk + "attn_qkv"),
          attn_out: try loader.biased(blk + "attn_out"), ln2: try loader.layerNorm(blk + "ln2", c),
          ffn_up: try loader.biased(blk + "ffn_up"), ffn_down: try loader.biased(blk + "ffn_down")))
    }
    self.blocks = blocks
    post_ln = try loader.layerNorm("v.post_ln", c)
    mm_0 = try loader.biased("mm.0")
    mm_2 = try loader.biased("mm.2")
  }
}

extension WeightLoader {
  fileprivate func biased(_ name: String) throws(CheckpointError) -> Qwen35.BiasedMatrix {
    Qwen35.BiasedMatrix(weight: try matrix(name + ".weight"), bias: try values(name + ".bias"))
  }

  fileprivate func layerNorm(_ name: String, _ c: Qwen35.Vision) throws(CheckpointError) -> LayerNorm {
    LayerNorm(weight: try values(name + ".weight"), bias: try values(name + ".bias"), epsilon: c.epsilon)
  }
}
