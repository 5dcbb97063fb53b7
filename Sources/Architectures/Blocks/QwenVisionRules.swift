import Base

extension QwenVision {
  /// The vision encoder and the merger that follows it.
  var rules: [TensorRule] {
    let prefix = "model.visual."
    func pair(_ from: String, _ to: String, _ shape: [Int]) -> [TensorRule] {
      [
        TensorRule(prefix + from + ".weight", to + ".weight", part: .vision, shape: shape),
        TensorRule(prefix + from + ".bias", to + ".bias", part: .vision, shape: [shape[0]]),
      ]
    }
    let (width, inner, merged) = (hiddenSize, intermediateSize, mergedWidth)
    var rules = patchEmbedding(prefix)
    rules += [
      TensorRule(
        prefix + "pos_embed.weight", "v.position_embd.weight", part: .vision, shape: [positions, width])
    ]
    for block in 0..<depth {
      let (from, to) = ("blocks.\(block).", "v.blk.\(block).")
      rules += pair(from + "norm1", to + "ln1", [width]) + pair(from + "norm2", to + "ln2", [width])
      rules += pair(from + "attn.qkv", to + "attn_qkv", [3 * width, width])
      rules += pair(from + "attn.proj", to + "attn_out", [width, width])
      rules += pair(from + "mlp.linear_fc1", to + "ffn_up", [inner, width])
      rules += pair(from + "mlp.linear_fc2", to + "ffn_down", [width, inner])
    }
    for (place, block) in deepstack.enumerated() {
      let (from, to) = ("deepstack_merger_list.\(place).", "v.deepstack.\(block).")
      rules += pair(from + "norm", to + "norm", [merged])
      rules += pair(from + "linear_fc1", to + "fc1", [merged, merged])
      rules += pair(from + "linear_fc2", to + "fc2", [outHiddenSize, merged])
    }
    rules += pair("merger.norm", "v.post_ln", [width])
    rules += pair("merger.linear_fc1", "mm.0", [merged, merged])
    rules += pair("merger.linear_fc2", "mm.2", [outHiddenSize, merged])
    return rules
  }

  /// The patch embedding, a convolution over two frames that GGUF keeps as two convolutions.
  private func patchEmbedding(_ prefix: String) -> [TensorRule] {
    let (side, frames) = (patchSize, temporalPatchSize)
    let planes = (0..<frames).map { frame in
      TensorRule(
        prefix + "patch_embed.proj.weight", "v.patch_embd.weight" + (frame == 0 ? "" : ".\(frame)"), part: .vision,
        shape: [hiddenSize, channels, frames, side, side], ggufShape: [hiddenSize, channels, side, side],
        steps: [.plane(.init(index: frame, count: frames, width: side * side))],
        mlx: (
          [hiddenSize, frames, side, side, channels], [.transposed(rows: channels, columns: frames * side * side)]
        ))
    }
    return planes + [
      TensorRule(
        prefix + "patch_embed.proj.bias", "v.patch_embd.bias", part: .vision, shape: [hiddenSize])
    ]
  }

  /// The published structure of `vision_config`.
  var json: OrderedJSON {
    .object([
      "deepstack_visual_indexes": .array(deepstack.map { .integer(Int64($0)) }), "depth": .integer(Int64(depth)),
      "hidden_act": .string("gelu_pytorch_tanh"), "hidden_size": .integer(Int64(hiddenSize)),
      "in_channels": .integer(Int64(channels)), "intermediate_size": .integer(Int64(intermediateSize)),
      "model_type": .string(kind.modelType), "num_heads": .integer(Int64(heads)),
      "num_position_embeddings": .integer(Int64(positions)), "out_hidden_size": .integer(Int64(outHiddenSize)),
      "patch_size": .integer(Int64(patchSize)), "spatial_merge_size": .integer(Int64(mergeSize)),
      "temporal_patch_size": .integer(Int64(temporalPatchSize)),
    ])
  }
}
