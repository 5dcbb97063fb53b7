import Containers
import Engine
import Tensors

extension Qwen35 {
  package func languageModel(_ checkpoint: Checkpoint) throws(CheckpointError) -> any LanguageModel {
    try TextModel(checkpoint, configuration: configuration, rules: rules)
  }

  /// The text part of a Qwen3.5, run on its weights as stored.
  ///
  /// Source of the formulas: the published model definition, as written down in formats/architectures/qwen35.md.
  package struct TextModel: LanguageModel {
    package let configuration: Configuration
    let weights: TextWeights
    let rotary: RotaryEmbedding
    let causalAttention: CausalAttention
    let gatedDeltaNet: GatedDeltaNet

    package var vocabularySize: Int { configuration.vocabularySize }
    package var hiddenSize: Int { configuration.hiddenSize }
    package var layerCount: Int { configuration.layerCount }
    package var contextLength: Int { configuration.contextLength }

    /// Looks up all weights, of which only vectors are read.
    ///
    /// Throws `missing` with names, `mismatch` where a shape contradicts the configuration, `unsupported` for a block format without a
    /// codec.
    package init(_ checkpoint: Checkpoint, configuration c: Configuration, rules: [TensorRule]) throws(CheckpointError)
    {
      configuration = c
      weights = try TextWeights(Qwen35.WeightLoader(checkpoint, rules: rules), c)
      rotary = RotaryEmbedding(dimension: c.rotaryDimension, theta: c.ropeTheta, sections: c.mropeSection)
      causalAttention = CausalAttention(
        heads: c.headCount, keyValueHeads: c.keyValueHeadCount, dimension: c.headDimension,
        scale: 1 / Float(c.headDimension).squareRoot())
      gatedDeltaNet = GatedDeltaNet(
        keyHeads: c.linearKeyHeads, valueHeads: c.linearValueHeads, keyDimension: c.linearKeyHeadDimension,
        valueDimension: c.linearValueHeadDimension, order: checkpoint.format == .gguf ? .tiled : .grouped)
    }

    package func makeState(capacity: Int) -> SequenceState {
      let c = configuration
      var attention: [KeyValueCache] = []
      var deltaNet: [DeltaNetState] = []
      for layer in weights.layers {
        switch layer.mixer {
        case .attention:
          attention.append(
            KeyValueCache(heads: c.keyValueHeadCount, dimension: c.headDimension, capacity: capacity))
        case .deltaNet(let w, _):
          deltaNet.append(DeltaNetState(gatedDeltaNet, convolution: w.ssm_conv1d))
        }
      }
      return SequenceState(attention: attention, deltaNet: deltaNet)
    }

    package func embed(_ tokens: [Int32]) throws(CheckpointError) -> Activations {
      try weights.embedding.gather(tokens)
    }

    package func forward(
      _ embeddings: Activations, at positions: Positions, state: inout SequenceState, compute: Compute,
      observer: LayerObserver?
    ) throws(CheckpointError) -> Activations {
      precondition(embeddings.columns == hiddenSize && positions.count == embeddings.rows)
      guard state.count + embeddings.rows <= contextLength else {
        throw CheckpointError(
          .mismatch,
          "the sequence would have \(state.count + embeddings.rows) tokens; the model is made for \(contextLength)")
      }
      let turns = rotary.table(positions)  // [T, rotated dimensions]
      let x = embeddings  // [T, hidden]
      for (index, layer) in weights.layers.enumerated() {
        let u = layer.attn_norm(x, compute)
        switch layer.mixer {
        case .attention(let w, let slot):
          x.add(attention(u, w, cache: state.attention[slot], turns: turns, compute), compute)
        case .deltaNet(let w, let slot):
          x.add(deltaNet(u, w, state: state.deltaNet[slot], compute), compute)
        }
        let v = layer.post_attention_norm(x, compute)
        x.add(feedForward(v, layer, compute), compute)
        observer?(index, x)
      }
      state.advance(positions)
      return x
    }

    /// down(silu(gate(v)) * up(v)): [T, hidden] to [T, hidden].
    private func feedForward(_ v: Activations, _ layer: Layer, _ compute: Compute) -> Activations {
      let inner = compute(v, layer.ffn_gate)  // [T, intermediate]
      siluProduct(gate: inner, up: compute(v, layer.ffn_up), compute)
      return compute(inner, layer.ffn_down)
    }

    package func normed(_ hidden: Activations, rows: Range<Int>, compute: Compute) -> Activations {
      weights.norm(hidden, rows: rows, compute)
    }

    package func logits(_ normed: Activations, vocabulary: Range<Int>, compute: Compute) -> Activations {
      compute(normed, weights.head.rows(vocabulary))
    }
  }
}
