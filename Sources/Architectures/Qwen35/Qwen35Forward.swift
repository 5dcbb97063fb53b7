import Containers
import Engine
import Base

extension Qwen35 {
  package func languageModel(_ checkpoint: Checkpoint) throws(CheckpointError) -> any LanguageModel {
    try TextModel(checkpoint, configuration: configuration, rules: rules)
  }

  /// The text part of a Qwen3.5, run on its weights as stored.
  ///
  /// Source of the formulas: the published model definition, as written down in formats/architectures/qwen35.md.
  package struct TextModel: LanguageModel {
    package let configuration: Configuration
    let embedding: WeightMatrix  // [vocabulary, hidden]
    let head: WeightMatrix  // [vocabulary, hidden]; the embedding itself where the two are tied
    let norm: RMSNorm
    let layers: [Layer]
    let rotary: RotaryEmbedding
    let causalAttention: CausalAttention
    let gatedDeltaNet: GatedDeltaNet

    package var vocabularySize: Int { configuration.vocabularySize }
    package var hiddenSize: Int { configuration.hiddenSize }
    package var layerCount: Int { configuration.layerCount }
    package var contextLength: Int { configuration.contextLength }

    /// Looks up all weights, of which only vectors are read.
    ///
    /// - Throws: `missing` with names, `mismatch` where a shape contradicts the configuration, `unsupported` for a block format without a
    ///   codec.
    package init(_ checkpoint: Checkpoint, configuration c: Configuration, rules: [TensorRule]) throws(CheckpointError)
    {
      configuration = c
      let loader = try WeightLoader(checkpoint, rules: rules)
      embedding = try loader.matrix("token_embd.weight")
      head = c.tied ? embedding : try loader.matrix("output.weight")
      norm = try loader.rmsNorm("output_norm.weight", c.rmsEpsilon)
      layers = try (0..<c.layerCount).map { index throws(CheckpointError) in try Layer(loader, index, c) }
      rotary = RotaryEmbedding(dimension: c.rotaryDimension, theta: c.ropeTheta, sections: c.mropeSection)
      causalAttention = CausalAttention(
        heads: c.headCount, keyValueHeads: c.keyValueHeadCount, dimension: c.headDimension,
        scale: 1 / Float(c.headDimension).squareRoot())
      gatedDeltaNet = GatedDeltaNet(
        keyHeads: c.linearKeyHeads, valueHeads: c.linearValueHeads, keyDimension: c.linearKeyHeadDimension,
        valueDimension: c.linearValueHeadDimension, order: checkpoint.format == .gguf ? .tiled : .grouped)
    }

    package func makeState(ofLayer layer: Int, capacity: Int) -> LayerState {
      let c = configuration
      switch layers[layer].mixer {
      case .attention:
        return .attention(KeyValueCache(heads: c.keyValueHeadCount, dimension: c.headDimension, capacity: capacity))
      case .deltaNet(let w): return .deltaNet(DeltaNetState(gatedDeltaNet, convolution: w.ssm_conv1d))
      }
    }

    package func embed(_ tokens: [Int32]) throws(CheckpointError) -> Activations {
      try embedding.gather(tokens)
    }

    package func layer(_ index: Int, _ x: Activations, turns: Turns, states: [LayerState], compute: Compute) {
      let w = layers[index]
      let u = w.attn_norm(x, compute)
      switch w.mixer {
      case .attention(let w): x.add(attention(u, w, caches: states.map(\.cache), turns.table(rotary), compute), compute)
      case .deltaNet(let w): x.add(deltaNet(u, w, states: states.map(\.memory), compute), compute)
      }
      let v = w.post_attention_norm(x, compute)
      x.add(feedForward(v, w, compute), compute)
    }

    /// Gated attention over everything each sequence has seen: [T, hidden] to [T, hidden].
    private func attention(
      _ u: Activations, _ w: AttentionWeights, caches: [KeyValueCache], _ turns: Activations, _ compute: Compute
    ) -> Activations {
      let c = configuration
      let queriesAndGates = compute(u, w.attn_q)  // [T, heads * (query | gate)]
      let keys = compute(u, w.attn_k)  // [T, keyValueHeads * dimension]
      let values = compute(u, w.attn_v)
      let queries = queriesAndGates.everyOther(c.headDimension, compute)  // [T, heads * dimension]
      rotary.normAndRotate(queries, heads: c.headCount, norm: w.attn_q_norm, turns: turns, compute)
      rotary.normAndRotate(
        keys, heads: c.keyValueHeadCount, norm: w.attn_k_norm, turns: turns, compute)

      let mixed = Activations.bySequence(caches, [queries, keys, values]) { cache, parts in
        cache.append(keys: parts[1], values: parts[2])
        return causalAttention(parts[0], over: cache, compute)
      }
      gateAttention(mixed, by: queriesAndGates, heads: c.headCount, compute)
      return compute(mixed, w.attn_output)
    }

    /// The gated delta net: [T, hidden] to [T, hidden].
    private func deltaNet(
      _ u: Activations, _ w: DeltaNetWeights, states: [DeltaNetState], _ compute: Compute
    ) -> Activations {
      let inputs = compute(u, w.attn_qkv)  // [T, q | k | v]
      let gate = compute(u, w.attn_gate)  // [T, value width]
      let beta = compute(u, w.ssm_beta)  // [T, value heads]
      let decay = compute(u, w.ssm_alpha)  // [T, value heads]
      for t in 0..<u.rows {
        for head in 0..<beta.columns {
          beta[t, head] = Exponential.sigmoid(beta[t, head])
          decay[t, head] = w.ssm_a[head] * Exponential.softplus(decay[t, head] + w.ssm_dt[head])
        }
      }
      let output = Activations.bySequence(states, [inputs, decay, beta]) { state, parts in
        let mixed = w.ssm_conv1d(parts[0], history: state.history, compute)
        return gatedDeltaNet(mixed, decay: parts[1], beta: parts[2], state: state, compute)
      }
      w.ssm_norm.apply(toHeadsOf: output, gate: gate, compute)
      return compute(w.ssm_out.order.map { output.ordered($0, compute) } ?? output, w.ssm_out)
    }

    /// down(silu(gate(v)) * up(v)): [T, hidden] to [T, hidden].
    private func feedForward(_ v: Activations, _ layer: Layer, _ compute: Compute) -> Activations {
      let inner = compute(v, layer.ffn_gate)  // [T, intermediate]
      siluProduct(gate: inner, up: compute(v, layer.ffn_up), compute)
      return compute(inner, layer.ffn_down)
    }

    package func normed(_ hidden: Activations, rows: Range<Int>, compute: Compute) -> Activations {
      norm(hidden, rows: rows, compute)
    }

    package func logits(_ normed: Activations, vocabulary: Range<Int>, compute: Compute) -> Activations {
      compute(normed, head.rows(vocabulary))
    }
  }
}

extension Qwen35 {
  /// One decoder layer: a mixer between tokens and a feed-forward part, each behind a norm.
  struct Layer: Sendable {
    let attn_norm: RMSNorm
    let mixer: Mixer
    let post_attention_norm: RMSNorm
    let ffn_gate: WeightMatrix  // [intermediate, hidden]
    let ffn_up: WeightMatrix
    let ffn_down: WeightMatrix  // [hidden, intermediate]
  }

  /// What mixes tokens.
  enum Mixer: Sendable {
    case attention(AttentionWeights)
    case deltaNet(DeltaNetWeights)
  }

  /// Gated attention.
  ///
  /// Rows of `attn_q` hold, head by head, a query and then its output gate.
  struct AttentionWeights: Sendable {
    let attn_q: WeightMatrix  // [2 * heads * dimension, hidden]
    let attn_k: WeightMatrix  // [keyValueHeads * dimension, hidden]
    let attn_v: WeightMatrix
    let attn_output: WeightMatrix  // [hidden, heads * dimension]
    let attn_q_norm: RMSNorm
    let attn_k_norm: RMSNorm
  }

  /// The gated delta net.
  ///
  /// Value heads lie in the order of the file, but for the columns of `ssm_out`: those are multiplied in GGUF's order whatever the file
  /// has, so that a conversion changes no bit of any sum.
  struct DeltaNetWeights: Sendable {
    let attn_qkv: WeightMatrix  // [channels, hidden]
    let attn_gate: WeightMatrix  // [value width, hidden]
    let ssm_beta: WeightMatrix  // [value heads, hidden]
    let ssm_alpha: WeightMatrix
    let ssm_conv1d: CausalConvolution
    let ssm_a: [Float]  // -exp(A_log), one for each value head
    let ssm_dt: [Float]
    let ssm_norm: RMSNorm
    let ssm_out: WeightMatrix  // [hidden, value width]
  }
}

extension Qwen35.Layer {
  init(_ loader: WeightLoader, _ index: Int, _ c: Qwen35.Configuration) throws(CheckpointError) {
    let blk = "blk.\(index)."
    attn_norm = try loader.rmsNorm(blk + "attn_norm.weight", c.rmsEpsilon)
    mixer =
      c.layerIsFull[index]
      ? .attention(try Qwen35.AttentionWeights(loader, blk, c)) : .deltaNet(try Qwen35.DeltaNetWeights(loader, blk, c))
    post_attention_norm = try loader.rmsNorm(blk + "post_attention_norm.weight", c.rmsEpsilon)
    ffn_gate = try loader.matrix(blk + "ffn_gate.weight")
    ffn_up = try loader.matrix(blk + "ffn_up.weight")
    ffn_down = try loader.matrix(blk + "ffn_down.weight")
  }
}

extension Qwen35.AttentionWeights {
  init(_ loader: WeightLoader, _ blk: String, _ c: Qwen35.Configuration) throws(CheckpointError) {
    attn_q = try loader.matrix(blk + "attn_q.weight")
    attn_k = try loader.matrix(blk + "attn_k.weight")
    attn_v = try loader.matrix(blk + "attn_v.weight")
    attn_output = try loader.matrix(blk + "attn_output.weight")
    attn_q_norm = try loader.rmsNorm(blk + "attn_q_norm.weight", c.rmsEpsilon)
    attn_k_norm = try loader.rmsNorm(blk + "attn_k_norm.weight", c.rmsEpsilon)
  }
}

extension Qwen35.DeltaNetWeights {
  init(_ loader: WeightLoader, _ blk: String, _ c: Qwen35.Configuration) throws(CheckpointError) {
    attn_qkv = try loader.matrix(blk + "attn_qkv.weight")
    attn_gate = try loader.matrix(blk + "attn_gate.weight")
    ssm_beta = try loader.matrix(blk + "ssm_beta.weight")
    ssm_alpha = try loader.matrix(blk + "ssm_alpha.weight")
    ssm_conv1d = CausalConvolution(
      channels: c.convolutionChannels, width: c.convolutionKernel,
      weight: try loader.values(blk + "ssm_conv1d.weight"))
    ssm_a = try loader.values(blk + "ssm_a")
    ssm_dt = try loader.values(blk + "ssm_dt.bias")
    ssm_norm = try loader.rmsNorm(blk + "ssm_norm.weight", c.rmsEpsilon)
    ssm_out = try loader.matrix(blk + "ssm_out.weight")
  }
}
