import Base
import Quants

extension Gemma3.Vision {
  /// The encoder, and the projector that follows it, under the published names.
  func rules(_ names: PartNames) -> [TensorRule] {
    let (prefix, projector) = (names.vision ?? "", names.projector ?? "")
    func pair(_ from: String, _ to: String, _ shape: [Int]) -> [TensorRule] {
      [
        TensorRule(prefix + from + ".weight", to + ".weight", part: .vision, shape: shape),
        TensorRule(prefix + from + ".bias", to + ".bias", part: .vision, shape: [shape[0]]),
      ]
    }
    let (width, inner) = (hiddenSize, intermediateSize)
    let patches = pair("embeddings.patch_embedding", "v.patch_embd", [width, 3, patchSize, patchSize])
    var rules = [patches[0].stored(as: .f32), patches[1]]
    rules.append(
      TensorRule(
        prefix + "embeddings.position_embedding.weight", "v.position_embd.weight", part: .vision,
        shape: [side * side, width]))
    for block in 0..<depth {
      let (from, to) = ("encoder.layers.\(block).", "v.blk.\(block).")
      rules += pair(from + "layer_norm1", to + "ln1", [width]) + pair(from + "layer_norm2", to + "ln2", [width])
      for (name, gguf) in [("q_proj", "attn_q"), ("k_proj", "attn_k"), ("v_proj", "attn_v"), ("out_proj", "attn_out")] {
        rules += pair(from + "self_attn." + name, to + gguf, [width, width])
      }
      rules += pair(from + "mlp.fc1", to + "ffn_up", [inner, width])
      rules += pair(from + "mlp.fc2", to + "ffn_down", [width, inner])
    }
    rules += pair("post_layernorm", "v.post_ln", [width])
    // Columns are outputs in both worlds. llama.cpp transposes it when it runs, which it does to plain numbers only.
    rules.append(
      TensorRule(
        projector + "mm_input_projection_weight", "mm.input_projection.weight", part: .vision,
        shape: [width, outHiddenSize]
      ).stored(as: .f16))
    rules.append(
      TensorRule(
        projector + "mm_soft_emb_norm.weight", "mm.soft_emb_norm.weight", part: .vision, shape: [width],
        steps: [.addOne]))
    return rules
  }
}
