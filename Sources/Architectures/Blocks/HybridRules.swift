import Base

/// Writes the rules of decoders whose layers are gated delta nets and gated attention in turns, under the published names.
struct HybridRules {
  /// How folders lay out the projections of the gated delta net.
  enum Projections {
    /// Four matrices, each with all heads in order, which GGUF keeps in another: Qwen3.5.
    case tiled
    /// Two, grouped by key head; see ``HybridConfiguration/groupedProjections``: Qwen3-Next.
    case grouped
  }

  private let c: HybridConfiguration
  private let names: PartNames
  private let projections: Projections
  private let decoder: DecoderRules

  init(_ c: HybridConfiguration, _ names: PartNames, _ projections: Projections) {
    (self.c, self.names, self.projections) = (c, names, projections)
    // Norms of the 1 + w kind, which MLX stores as GGUF does.
    decoder = DecoderRules(c: c.decoder, names: names, normSteps: [.addOne], mlxNormSteps: [.addOne])
  }

  /// The rules of text and MTP block, in the order of the GGUF file.
  func all(_ parts: Set<TensorRule.Part>) -> [TensorRule] {
    decoder.ends() + (0..<c.layerCount).flatMap(layer) + (c.mtpLayers > 0 && parts.contains(.mtp) ? mtp() : [])
  }

  private func layer(_ index: Int) -> [TensorRule] {
    let (from, to) = decoder.prefixes(ofLayer: index)
    return shared(decoder, from, to, isSparse: c.experts?.layerIsSparse[index] ?? false)
      + (c.layerIsFull[index] ? attention(decoder, from, to) : deltaNet(from + "linear_attn.", to))
  }

  /// What every decoder layer has: two norms and the feed-forward part.
  private func shared(_ rules: DecoderRules, _ from: String, _ to: String, isSparse: Bool) -> [TensorRule] {
    let norms = [
      rules.norm(from + "input_layernorm", to + "attn_norm"),
      rules.norm(from + "post_attention_layernorm", to + "post_attention_norm"),
    ]
    guard isSparse, let experts = c.experts else { return norms + rules.feedForward(from + "mlp.", to) }
    return norms + rules.experts(from + "mlp.", to, experts)
  }

  private func attention(_ rules: DecoderRules, _ from: String, _ to: String) -> [TensorRule] {
    rules.attention(from + "self_attn.", to, DecoderRules.Attention(norms: true, gated: true))
  }

  private func deltaNet(_ from: String, _ to: String) -> [TensorRule] {
    let (hidden, values, valueHeads) = (c.hiddenSize, c.linearValueWidth, c.linearValueHeads)
    let (channels, taps, block) = (c.convolutionChannels, c.convolutionKernel, c.linearValueHeadDimension)
    let before = 2 * c.linearKeyWidth
    return inputs(from, to) + [
      TensorRule(
        from + "conv1d.weight", to + "ssm_conv1d.weight", shape: [channels, 1, taps], ggufShape: [channels, taps],
        steps: rows(first: before, block: block), mlx: ([channels, taps, 1], [])),
      TensorRule(
        from + "A_log", to + "ssm_a", shape: [valueHeads], steps: [.negativeExponential] + columns(block: 1),
        declared: projections == .tiled ? .f32 : .bf16),
      TensorRule(from + "dt_bias", to + "ssm_dt.bias", shape: [valueHeads], steps: columns(block: 1)),
      TensorRule(
        from + "norm.weight", to + "ssm_norm.weight", shape: [block], declared: projections == .tiled ? .f32 : .bf16),
      TensorRule(
        from + "out_proj.weight", to + "ssm_out.weight", shape: [hidden, values], steps: columns(block: block)),
    ]
  }

  /// What the gated delta net reads the hidden state through.
  private func inputs(_ from: String, _ to: String) -> [TensorRule] {
    let (hidden, values, valueHeads) = (c.hiddenSize, c.linearValueWidth, c.linearValueHeads)
    let (channels, block) = (c.convolutionChannels, c.linearValueHeadDimension)
    switch projections {
    case .tiled:
      return [
        TensorRule(
          from + "in_proj_qkv.weight", to + "attn_qkv.weight", shape: [channels, hidden],
          steps: rows(first: 2 * c.linearKeyWidth, block: block)),
        TensorRule(
          from + "in_proj_z.weight", to + "attn_gate.weight", shape: [values, hidden], steps: rows(block: block)),
        TensorRule(
          from + "in_proj_b.weight", to + "ssm_beta.weight", shape: [valueHeads, hidden], steps: rows(block: 1)),
        TensorRule(
          from + "in_proj_a.weight", to + "ssm_alpha.weight", shape: [valueHeads, hidden], steps: rows(block: 1)),
      ]
    case .grouped:
      let fused = [channels + values, hidden]
      let parts = c.groupedProjections
      return [
        TensorRule(
          from + "in_proj_qkvz.weight", to + "attn_qkv.weight", shape: fused, ggufShape: [channels, hidden],
          steps: [.selection(parts[0])]),
        TensorRule(
          from + "in_proj_qkvz.weight", to + "attn_gate.weight", shape: fused, ggufShape: [values, hidden],
          steps: [.selection(parts[1])]),
        TensorRule(from + "in_proj_ba.weight", to + "ssm_ba.weight", shape: [2 * valueHeads, hidden]),
      ]
    }
  }

  /// The MTP block: one more attention layer after the last, with a projection and norms of its own.
  private func mtp() -> [TensorRule] {
    var rules = decoder
    rules.part = .mtp
    let (prefix, to) = (names.mtp ?? "", "blk.\(c.layerCount).")
    let layer = prefix + "layers.0."
    return shared(rules, layer, to, isSparse: c.experts != nil) + attention(rules, layer, to)
      + rules.projection(prefix + "fc", to + "nextn.eh_proj", c.hiddenSize, 2 * c.hiddenSize) + [
        rules.norm(prefix + "norm", to + "nextn.shared_head_norm"),
        rules.norm(prefix + "pre_fc_norm_embedding", to + "nextn.enorm"),
        rules.norm(prefix + "pre_fc_norm_hidden", to + "nextn.hnorm"),
      ]
  }

  private func heads(first: Int = 0, block: Int) -> BlockPermutation? {
    guard projections == .tiled, c.valueHeadRatio > 1 else { return nil }
    return BlockPermutation(keyHeads: c.linearKeyHeads, ratio: c.valueHeadRatio, first: first, block: block)
  }

  private func rows(first: Int = 0, block: Int) -> [TensorTransform] {
    heads(first: first, block: block).map { [.rows($0)] } ?? []
  }

  private func columns(block: Int) -> [TensorTransform] { heads(block: block).map { [.columns($0)] } ?? [] }
}

extension HybridConfiguration {
  /// Rows of `in_proj_qkvz` [2·kd + 2·vd, H], which has for every key head its q, its k, the v of its value heads and their z: those of q, k and
  /// v, all heads of each in order, and those of z.
  var groupedProjections: [[Range<Int>]] {
    let (key, value) = (linearKeyHeadDimension, valueHeadRatio * linearValueHeadDimension)
    let rows = grouped([key, key, value, value])
    return [rows[0] + rows[1] + rows[2], rows[3]]
  }

  /// Rows of `in_proj_ba` [2·nv, H], which has for every key head the rows of b for its value heads, then those of a: those of b, and those of a.
  var groupedRates: [[Range<Int>]] { grouped([valueHeadRatio, valueHeadRatio]) }

  /// Of each section of a key head's rows those of all key heads.
  private func grouped(_ sections: [Int]) -> [[Range<Int>]] {
    let group = sections.reduce(0, +)
    return sections.indices.map { section in
      let first = sections[..<section].reduce(0, +)
      return (0..<linearKeyHeads).map { $0 * group + first..<$0 * group + first + sections[section] }
    }
  }
}
