import Base

extension Qwen35 {
  /// The rules of every tensor a checkpoint of this configuration has, in the order of its GGUF file.
  ///
  /// Parts that `names` lacks have no rules. `names` and `dialect` are those of the opened folder.
  package static func rules(
    _ configuration: Configuration, names: Names = Names(), dialect: Dialect = .huggingFace
  ) -> [TensorRule] {
    let builder = RuleBuilder(c: configuration)
    var rules = builder.ends()
    for layer in 0..<configuration.layerCount { rules += builder.layer(layer) }
    if configuration.mtpLayers > 0, names.mtp != nil { rules += builder.mtp() }
    if let vision = configuration.vision, names.vision != nil { rules += builder.vision(vision) }
    for index in rules.indices {
      rules[index].savedName = names.saved(rules[index].savedName)
      rules[index].savedDialect = dialect
    }
    return rules
  }
}

/// Writes the rules of one configuration, under the published names.
private struct RuleBuilder {
  let c: Qwen35.Configuration
  let names = Qwen35.Names()

  /// A norm of the `1 + w` kind, which MLX stores as GGUF does.
  private func norm(
    _ huggingFace: String, _ gguf: String, _ width: Int, part: TensorRule.Part = .text
  ) -> TensorRule {
    TensorRule(huggingFace, gguf, part: part, shape: [width], steps: [.addOne], mlx: ([width], [.addOne]))
  }

  private func heads(first: Int = 0, block: Int) -> BlockPermutation? {
    guard c.valueHeadRatio > 1 else { return nil }
    return BlockPermutation(keyHeads: c.linearKeyHeads, ratio: c.valueHeadRatio, first: first, block: block)
  }

  private func rows(first: Int = 0, block: Int) -> [TensorTransform] {
    heads(first: first, block: block).map { [.rows($0)] } ?? []
  }

  private func columns(block: Int) -> [TensorTransform] {
    heads(block: block).map { [.columns($0)] } ?? []
  }

  /// The embedding table, the last norm, and the head where it has weights of its own.
  func ends() -> [TensorRule] {
    let table = [c.vocabularySize, c.hiddenSize]
    var rules = [
      TensorRule(names.tableName, "token_embd.weight", shape: table),
      norm(names.text + "norm.weight", "output_norm.weight", c.hiddenSize),
    ]
    if !c.tied { rules.append(TensorRule(names.headName, "output.weight", shape: table)) }
    return rules
  }

  /// One decoder layer.
  func layer(_ index: Int) -> [TensorRule] {
    let (from, to) = ("\(names.text)layers.\(index).", "blk.\(index).")
    return shared(from, to, .text)
      + (c.layerIsFull[index] ? attention(from + "self_attn.", to, .text) : deltaNet(from + "linear_attn.", to))
  }

  /// What every decoder layer has: two norms and the feed-forward part.
  private func shared(_ from: String, _ to: String, _ part: TensorRule.Part) -> [TensorRule] {
    let (hidden, inner) = (c.hiddenSize, c.intermediateSize)
    return [
      norm(from + "input_layernorm.weight", to + "attn_norm.weight", hidden, part: part),
      norm(from + "post_attention_layernorm.weight", to + "post_attention_norm.weight", hidden, part: part),
      TensorRule(from + "mlp.gate_proj.weight", to + "ffn_gate.weight", part: part, shape: [inner, hidden]),
      TensorRule(from + "mlp.up_proj.weight", to + "ffn_up.weight", part: part, shape: [inner, hidden]),
      TensorRule(from + "mlp.down_proj.weight", to + "ffn_down.weight", part: part, shape: [hidden, inner]),
    ]
  }

  /// Gated attention; q and its gate stay interleaved head by head.
  private func attention(_ from: String, _ to: String, _ part: TensorRule.Part) -> [TensorRule] {
    let hidden = c.hiddenSize
    let (query, key) = (c.headCount * c.headDimension, c.keyValueHeadCount * c.headDimension)
    return [
      TensorRule(from + "q_proj.weight", to + "attn_q.weight", part: part, shape: [2 * query, hidden]),
      TensorRule(from + "k_proj.weight", to + "attn_k.weight", part: part, shape: [key, hidden]),
      TensorRule(from + "v_proj.weight", to + "attn_v.weight", part: part, shape: [key, hidden]),
      TensorRule(from + "o_proj.weight", to + "attn_output.weight", part: part, shape: [hidden, query]),
      norm(from + "q_norm.weight", to + "attn_q_norm.weight", c.headDimension, part: part),
      norm(from + "k_norm.weight", to + "attn_k_norm.weight", c.headDimension, part: part),
    ]
  }

  /// The gated delta net; GGUF keeps its value heads in another order.
  private func deltaNet(_ from: String, _ to: String) -> [TensorRule] {
    let (hidden, values, valueHeads) = (c.hiddenSize, c.linearValueWidth, c.linearValueHeads)
    let (channels, taps, block) = (c.convolutionChannels, c.convolutionKernel, c.linearValueHeadDimension)
    let before = 2 * c.linearKeyWidth
    return [
      TensorRule(
        from + "in_proj_qkv.weight", to + "attn_qkv.weight", shape: [channels, hidden],
        steps: rows(first: before, block: block)),
      TensorRule(
        from + "in_proj_z.weight", to + "attn_gate.weight", shape: [values, hidden], steps: rows(block: block)),
      TensorRule(
        from + "in_proj_b.weight", to + "ssm_beta.weight", shape: [valueHeads, hidden], steps: rows(block: 1)),
      TensorRule(
        from + "in_proj_a.weight", to + "ssm_alpha.weight", shape: [valueHeads, hidden], steps: rows(block: 1)),
      TensorRule(
        from + "conv1d.weight", to + "ssm_conv1d.weight", shape: [channels, 1, taps], ggufShape: [channels, taps],
        steps: rows(first: before, block: block), mlx: ([channels, taps, 1], [])),
      TensorRule(
        from + "A_log", to + "ssm_a", shape: [valueHeads], steps: [.negativeExponential] + columns(block: 1),
        declared: .f32),
      TensorRule(from + "dt_bias", to + "ssm_dt.bias", shape: [valueHeads], steps: columns(block: 1)),
      TensorRule(from + "norm.weight", to + "ssm_norm.weight", shape: [block], declared: .f32),
      TensorRule(
        from + "out_proj.weight", to + "ssm_out.weight", shape: [hidden, values], steps: columns(block: block)),
    ]
  }

  /// The MTP block: one more attention layer after the last, with a projection and norms of its own.
  func mtp() -> [TensorRule] {
    let prefix = names.mtp ?? ""
    let to = "blk.\(c.layerCount)."
    let hidden = c.hiddenSize
    return shared(prefix + "layers.0.", to, .mtp) + attention(prefix + "layers.0.self_attn.", to, .mtp) + [
      TensorRule(prefix + "fc.weight", to + "nextn.eh_proj.weight", part: .mtp, shape: [hidden, 2 * hidden]),
      norm(prefix + "norm.weight", to + "nextn.shared_head_norm.weight", hidden, part: .mtp),
      norm(prefix + "pre_fc_norm_embedding.weight", to + "nextn.enorm.weight", hidden, part: .mtp),
      norm(prefix + "pre_fc_norm_hidden.weight", to + "nextn.hnorm.weight", hidden, part: .mtp),
    ]
  }

  /// The vision encoder and the merger that follows it.
  func vision(_ v: Qwen35.Vision) -> [TensorRule] {
    let prefix = names.vision ?? ""
    func pair(_ from: String, _ to: String, _ shape: [Int]) -> [TensorRule] {
      [
        TensorRule(prefix + from + ".weight", to + ".weight", part: .vision, shape: shape),
        TensorRule(prefix + from + ".bias", to + ".bias", part: .vision, shape: [shape[0]]),
      ]
    }
    let (width, inner, merged) = (v.hiddenSize, v.intermediateSize, v.mergedWidth)
    var rules = patchEmbedding(v, prefix)
    rules += [
      TensorRule(
        prefix + "pos_embed.weight", "v.position_embd.weight", part: .vision, shape: [v.positions, width])
    ]
    for block in 0..<v.depth {
      let (from, to) = ("blocks.\(block).", "v.blk.\(block).")
      rules += pair(from + "norm1", to + "ln1", [width]) + pair(from + "norm2", to + "ln2", [width])
      rules += pair(from + "attn.qkv", to + "attn_qkv", [3 * width, width])
      rules += pair(from + "attn.proj", to + "attn_out", [width, width])
      rules += pair(from + "mlp.linear_fc1", to + "ffn_up", [inner, width])
      rules += pair(from + "mlp.linear_fc2", to + "ffn_down", [width, inner])
    }
    rules += pair("merger.norm", "v.post_ln", [width])
    rules += pair("merger.linear_fc1", "mm.0", [merged, merged])
    rules += pair("merger.linear_fc2", "mm.2", [v.outHiddenSize, merged])
    return rules
  }

  /// The patch embedding, a convolution over two frames that GGUF keeps as two convolutions.
  private func patchEmbedding(_ v: Qwen35.Vision, _ prefix: String) -> [TensorRule] {
    let (side, frames) = (v.patchSize, v.temporalPatchSize)
    let planes = (0..<frames).map { frame in
      TensorRule(
        prefix + "patch_embed.proj.weight", "v.patch_embd.weight" + (frame == 0 ? "" : ".\(frame)"), part: .vision,
        shape: [v.hiddenSize, v.channels, frames, side, side], ggufShape: [v.hiddenSize, v.channels, side, side],
        steps: [.plane(.init(index: frame, count: frames, width: side * side))],
        mlx: (
          [v.hiddenSize, frames, side, side, v.channels], [.transposed(rows: v.channels, columns: frames * side * side)]
        ))
    }
    return planes + [
      TensorRule(
        prefix + "patch_embed.proj.bias", "v.patch_embd.bias", part: .vision, shape: [v.hiddenSize])
    ]
  }
}
