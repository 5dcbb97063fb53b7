import Base
import Containers
import Quants

extension GptOss {
  /// The rule of every tensor, in the order of the GGUF file.
  package var rules: [TensorRule] {
    let builder = DecoderRules(c: decoder, names: Self.published)
    let kind = DecoderRules.Attention(inputBias: attentionBias, outputBias: attentionBias)
    let layers = (0..<decoder.layerCount).flatMap { index in
      let (from, to) = builder.prefixes(ofLayer: index)
      return [
        builder.norm(from + "input_layernorm", to + "attn_norm"),
        builder.norm(from + "post_attention_layernorm", to + "post_attention_norm"),
        TensorRule(from + "self_attn.sinks", to + "attn_sinks.weight", shape: [decoder.headCount]),
      ] + builder.attention(from + "self_attn.", to, kind)
        + builder.projection(from + "mlp.router", to + "ffn_gate_inp", experts.count, decoder.hiddenSize, bias: true)
        + matrices(from + "mlp.experts.", to) + biases(from + "mlp.experts.", to)
    }
    return names.applied(to: builder.ends() + layers, published: Self.published, dialect)
  }

  /// Matrices of all experts in one tensor; rows of gate and up take turns.
  private func matrices(_ from: String, _ to: String) -> [TensorRule] {
    let (count, width, hidden) = (experts.count, experts.width, decoder.hiddenSize)
    let isBlocks = form == .blocks
    var rules = ["ffn_gate_exps", "ffn_up_exps"].enumerated().map { index, name in
      let turn = TensorTransform.plane(.init(index: index, count: 2, width: hidden))
      return TensorRule(
        from + "gate_up_proj", to + name + ".weight",
        shape: isBlocks ? [count, 2 * width, hidden] : [count, hidden, 2 * width], ggufShape: [count, width, hidden],
        steps: isBlocks ? [turn] : [.transposed(rows: hidden, columns: 2 * width), turn])
    }
    rules.append(
      TensorRule(
        from + "down_proj", to + "ffn_down_exps.weight",
        shape: isBlocks ? [count, hidden, width] : [count, width, hidden], ggufShape: [count, hidden, width],
        steps: isBlocks ? [] : [.transposed(rows: width, columns: hidden)]))
    guard isBlocks else { return rules }
    return rules.map { rule in
      var rule = rule
      rule.publishedBlocks = TensorType(MXFP4.self)
      return rule
    }
  }

  private func biases(_ from: String, _ to: String) -> [TensorRule] {
    let (count, width) = (experts.count, experts.width)
    return ["ffn_gate_exps", "ffn_up_exps"].enumerated().map { index, name in
      TensorRule(
        from + "gate_up_proj_bias", to + name + ".bias", shape: [count, 2 * width], ggufShape: [count, width],
        steps: [.plane(.init(index: index, count: 2, width: 1))])
    } + [TensorRule(from + "down_proj_bias", to + "ffn_down_exps.bias", shape: [count, decoder.hiddenSize])]
  }

  /// The checkpoint with the words and scales of a matrix as one tensor of blocks.
  ///
  /// - Throws: `missing` for words without scales, `mismatch` where they do not belong together.
  package static func prepare(_ checkpoint: Checkpoint) throws(CheckpointError) -> Checkpoint {
    let (words, scales) = (".mlp.experts.", "_scales")
    func stem(_ name: String, _ suffix: String) -> String? {
      name.contains(words) && name.hasSuffix(suffix) ? String(name.dropLast(suffix.utf8.count)) : nil
    }
    var tensors: [TensorEntry] = []
    for tensor in checkpoint.tensors {
      if let name = stem(tensor.name, "_blocks") {
        guard let own = checkpoint[name + scales] else { throw tensor.failure(.missing, "has no \(name)\(scales)") }
        guard checkpoint[name] == nil else { throw tensor.failure(.malformed, "is there and \(name), too") }
        tensors.append(try TensorEntry(words: tensor, scales: own, name: name))
      } else if stem(tensor.name, scales).map({ checkpoint[$0 + "_blocks"] == nil }) ?? true {
        tensors.append(tensor)
      }
    }
    return tensors.count == checkpoint.tensors.count ? checkpoint : checkpoint.with(tensors: tensors, notes: [])
  }
}
