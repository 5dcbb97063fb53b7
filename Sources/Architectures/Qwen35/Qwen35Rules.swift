import Containers
import Base

extension Qwen35 {
  /// The rule of every tensor, in the order of the GGUF file.
  package var rules: [TensorRule] {
    names.applied(to: Self.rules(configuration, parts), published: Self.published, dialect)
  }

  /// The rules of every tensor that a checkpoint of this configuration has, under the published names.
  package static func rules(
    _ configuration: Configuration, _ parts: Set<TensorRule.Part> = published.parts
  ) -> [TensorRule] {
    let builder = RuleBuilder(c: configuration)
    var rules = builder.ends()
    for layer in 0..<configuration.layerCount { rules += builder.layer(layer) }
    if configuration.mtpLayers > 0, parts.contains(.mtp) { rules += builder.mtp() }
    if let vision = configuration.vision, parts.contains(.vision) { rules += vision.rules }
    return rules
  }
}

/// Writes the rules of one configuration, under the published names.
private struct RuleBuilder {
  let c: Qwen35.Configuration
  let names = Qwen35.published

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
}

/// The projections of the gated delta net as Qwen3-Next stores them: fused, and grouped by key head.
///
/// `in_proj_ba` [2·nv, H] has for every key head the rows of b for its value heads, then those of a; `in_proj_qkvz`
/// [2·kd + 2·vd, H] has for every key head its q, its k, the v of its value heads and their z. Qwen3.5 stores four matrices, each with all
/// heads in order.
extension Qwen35 {
  /// The checkpoint with fused projections taken apart, under the names of the published ones.
  ///
  /// - Throws: `mismatch` when a fused tensor has another number of rows, `malformed` when its parts are there too.
  package static func prepare(_ checkpoint: Checkpoint) throws(CheckpointError) -> Checkpoint {
    let fused = checkpoint.tensors.filter { isFused($0.name) }
    guard !fused.isEmpty, checkpoint.folder?.config != nil else { return checkpoint }
    let c = try Configuration(DecoderSource(checkpoint, of: Self.self))
    var tensors: [TensorEntry] = []
    for tensor in checkpoint.tensors {
      guard isFused(tensor.name) else {
        tensors.append(tensor)
        continue
      }
      let parts = try c.parts(of: tensor)
      for part in parts where checkpoint[part.name] != nil {
        throw tensor.failure(.malformed, "is there and \(part.name), which is a part of it, too")
      }
      tensors += parts
    }
    return checkpoint.with(
      tensors: tensors,
      notes: [
        "\(counted(fused.count, "fused projection")) taken apart as Qwen3-Next lays them out, key head by key head"
      ])
  }

  private static func isFused(_ name: String) -> Bool {
    name.hasSuffix(ba) || name.hasSuffix(qkvz)
  }

  fileprivate static let ba = ".linear_attn.in_proj_ba.weight"
  fileprivate static let qkvz = ".linear_attn.in_proj_qkvz.weight"
}

extension Qwen35.Configuration {
  /// The two tensors that a fused one holds.
  fileprivate func parts(of tensor: TensorEntry) throws(CheckpointError) -> [TensorEntry] {
    let isBA = tensor.name.hasSuffix(Qwen35.ba)
    let (key, value) = (linearKeyHeadDimension, valueHeadRatio * linearValueHeadDimension)
    /// Rows of one key head, section by section.
    let sections = isBA ? [valueHeadRatio, valueHeadRatio] : [key, key, value, value]
    let group = sections.reduce(0, +)
    guard tensor.shape.dimensions == [group * linearKeyHeads, self.hiddenSize] else {
      throw tensor.failure(
        .mismatch,
        "has shape \(tensor.shape); the configuration asks for [\(group * linearKeyHeads), \(self.hiddenSize)]")
    }
    /// All rows of a section, key head by key head.
    func rows(_ section: Int) -> [Range<Int>] {
      let first = sections[..<section].reduce(0, +)
      return (0..<linearKeyHeads).map { $0 * group + first..<$0 * group + first + sections[section] }
    }
    let stem = tensor.name.dropLast((isBA ? "ba.weight" : "qkvz.weight").count)
    if isBA {
      return [
        try tensor.selecting(rows(0), name: stem + "b.weight"), try tensor.selecting(rows(1), name: stem + "a.weight"),
      ]
    }
    return [
      try tensor.selecting(rows(0) + rows(1) + rows(2), name: stem + "qkv.weight"),
      try tensor.selecting(rows(3), name: stem + "z.weight"),
    ]
  }
}
