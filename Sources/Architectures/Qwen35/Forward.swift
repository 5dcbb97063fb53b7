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

    package func makeState(ofLayer layer: Int, capacity: Int) -> LayerState {
      let c = configuration
      switch weights.layers[layer].mixer {
      case .attention:
        return .attention(KeyValueCache(heads: c.keyValueHeadCount, dimension: c.headDimension, capacity: capacity))
      case .deltaNet(let w): return .deltaNet(DeltaNetState(gatedDeltaNet, convolution: w.ssm_conv1d))
      }
    }

    package func embed(_ tokens: [Int32]) throws(CheckpointError) -> Activations {
      try weights.embedding.gather(tokens)
    }

    package func forward(
      _ embeddings: Activations, at positions: Positions, state: inout SequenceState, compute: Compute,
      observer: LayerObserver?
    ) throws(CheckpointError) -> Activations {
      precondition(embeddings.columns == hiddenSize && positions.count == embeddings.rows)
      let length = state.count + embeddings.rows / state.sequences
      guard length <= contextLength else {
        throw CheckpointError(
          .mismatch, "the sequence would have \(length) tokens; the model is made for \(contextLength)")
      }
      let turns = rotary.table(positions)  // [T, rotated dimensions]
      for (index, layer) in weights.layers.enumerated() {
        run(layer, embeddings, turns: turns, states: state.layers[index], compute)
        observer?(index, embeddings)
      }
      state.advance(positions)
      return embeddings
    }

    package func run(layer: Int, _ x: Activations, at positions: Positions, state: LayerState, compute: Compute) {
      run(weights.layers[layer], x, turns: rotary.table(positions), states: [state], compute)
    }

    /// One decoder layer of sequences that each have a state; x is [T, hidden], `turns` is asked for where queries and keys are turned.
    private func run(
      _ layer: Layer, _ x: Activations, turns: @autoclosure () -> Activations, states: [LayerState], _ compute: Compute
    ) {
      let u = layer.attn_norm(x, compute)
      switch layer.mixer {
      case .attention(let w):
        x.add(attention(u, w, caches: states.map(\.cache), turns: turns(), compute), compute)
      case .deltaNet(let w):
        x.add(deltaNet(u, w, states: states.map(\.memory), compute), compute)
      }
      let v = layer.post_attention_norm(x, compute)
      x.add(feedForward(v, layer, compute), compute)
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
