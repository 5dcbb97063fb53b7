import Base

/// Writes the rules of tensors that most decoders have, under the published names.
struct DecoderRules {
  let c: DecoderConfiguration
  let names: PartNames
  /// From the published values of a norm to those of GGUF.
  var normSteps: [TensorTransform] = []
  /// From the published values of a norm to those of MLX.
  var mlxNormSteps: [TensorTransform] = []
  var part = TensorRule.Part.text
  /// The orders in which GGUF keeps rows of q and k, in pairs that are turned together; nil where it keeps them as published.
  private var pairs: (query: BlockPermutation, key: BlockPermutation)?

  init(
    c: DecoderConfiguration, names: PartNames, normSteps: [TensorTransform] = [],
    mlxNormSteps: [TensorTransform] = [], paired: Bool = false
  ) {
    (self.c, self.names, self.normSteps, self.mlxNormSteps) = (c, names, normSteps, mlxNormSteps)
    guard paired else { return }
    pairs = (
      BlockPermutation(pairing: c.headDimension, heads: c.headCount),
      BlockPermutation(pairing: c.headDimension, heads: c.keyValueHeadCount)
    )
  }

  /// Before the published name of a tensor of a decoder layer, and before its name in GGUF.
  func prefixes(ofLayer index: Int) -> (from: String, to: String) {
    ("\(names.text)layers.\(index).", "blk.\(index).")
  }

  /// The tensors of a stretched rotary embedding, the embedding table, the last norm, and the head where it has weights of its own.
  func ends() -> [TensorRule] {
    let table = [c.vocabularySize, c.hiddenSize]
    var rules =
      c.rotaryRules + [
        TensorRule(names.tableName, "token_embd.weight", shape: table),
        norm(names.text + "norm", "output_norm"),
      ]
    if !c.tied { rules.append(TensorRule(names.headName, "output.weight", shape: table)) }
    return rules
  }

  /// A norm; as wide as the hidden state unless told otherwise.
  func norm(_ from: String, _ to: String, width: Int? = nil) -> TensorRule {
    let shape = [width ?? c.hiddenSize]
    return TensorRule(
      from + ".weight", to + ".weight", part: part, shape: shape, steps: normSteps, mlx: (shape, mlxNormSteps))
  }

  /// A matrix, [outputs, inputs], and its bias where it has one.
  func projection(
    _ from: String, _ to: String, _ outputs: Int, _ inputs: Int, bias: Bool = false, rows: BlockPermutation? = nil
  ) -> [TensorRule] {
    let steps = rows.map { [TensorTransform.rows($0)] } ?? []
    let weight = TensorRule(from + ".weight", to + ".weight", part: part, shape: [outputs, inputs], steps: steps)
    guard bias else { return [weight] }
    return [weight, TensorRule(from + ".bias", to + ".bias", part: part, shape: [outputs], steps: steps)]
  }

  /// What an attention layer has besides q, k, v and o.
  struct Attention {
    /// Whether q, k and v have biases.
    var inputBias = false
    /// Whether o has one.
    var outputBias = false
    /// Whether heads of q and k are normed.
    var norms = false
    /// Whether rows of q hold, head by head, a query and then its output gate.
    var gated = false
  }

  /// q, k, v, o under a prefix such as `model.layers.0.self_attn.`.
  func attention(_ from: String, _ to: String, _ kind: Attention = Attention()) -> [TensorRule] {
    let hidden = c.hiddenSize
    let (query, key) = (c.headCount * c.headDimension, c.keyValueHeadCount * c.headDimension)
    var rules = projection(
      from + "q_proj", to + "attn_q", kind.gated ? 2 * query : query, hidden, bias: kind.inputBias, rows: pairs?.query)
    rules += projection(
      from + "k_proj", to + "attn_k", key, hidden, bias: kind.inputBias, rows: pairs?.key)
    rules += projection(from + "v_proj", to + "attn_v", key, hidden, bias: kind.inputBias)
    rules += projection(from + "o_proj", to + "attn_output", hidden, query, bias: kind.outputBias)
    guard kind.norms else { return rules }
    return rules + [
      norm(from + "q_norm", to + "attn_q_norm", width: c.headDimension),
      norm(from + "k_norm", to + "attn_k_norm", width: c.headDimension),
    ]
  }

  /// gate, up, down under a prefix such as `model.layers.0.mlp.`.
  func feedForward(_ from: String, _ to: String, bias: Bool = false) -> [TensorRule] {
    let (hidden, inner) = (c.hiddenSize, c.intermediateSize)
    return projection(from + "gate_proj", to + "ffn_gate", inner, hidden, bias: bias)
      + projection(from + "up_proj", to + "ffn_up", inner, hidden, bias: bias)
      + projection(from + "down_proj", to + "ffn_down", hidden, inner, bias: bias)
  }

  /// A decoder layer with two norms, attention and a gated feed-forward part.
  func layer(_ index: Int, _ kind: Attention = Attention(), feedForwardBias: Bool = false) -> [TensorRule] {
    let (from, to) = prefixes(ofLayer: index)
    return [
      norm(from + "input_layernorm", to + "attn_norm"), norm(from + "post_attention_layernorm", to + "ffn_norm"),
    ] + attention(from + "self_attn.", to, kind) + feedForward(from + "mlp.", to, bias: feedForwardBias)
  }
}

extension BlockPermutation {
  /// The order in which GGUF keeps the rows of a head for rotary embeddings that turn neighbours: row `i` of the first half, then row `i` of the
  /// second.
  init(pairing dimension: Int, heads: Int) {
    self.init(
      block: 1,
      sources: (0..<heads * dimension).map { row in
        let (head, place) = row.quotientAndRemainder(dividingBy: dimension)
        return head * dimension + place % 2 * (dimension / 2) + place / 2
      })
  }
}
