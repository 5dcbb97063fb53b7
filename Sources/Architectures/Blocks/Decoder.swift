import Base
import Engine

/// What mixes tokens in a decoder layer: attention of some kind, or a recurrence.
protocol TokenMixer: Sendable {
  /// What it remembers before the first token of a sequence, with room for `capacity` tokens before it has to grow.
  func makeState(capacity: Int) -> LayerState
  /// Normed hidden states to what is added to them: [T, hidden] to [T, hidden].
  ///
  /// Of several sequences side by side the rows lie one sequence after another; each has its own of `states`.
  func callAsFunction(_ u: Activations, turns: Turns, states: [LayerState], _ compute: Compute) -> Activations
}

/// What a decoder layer does with each token by itself.
protocol FeedForward: Sendable {
  /// Normed hidden states to what is added to them: [T, hidden] to [T, hidden].
  func callAsFunction(_ v: Activations, _ compute: Compute) -> Activations
}

/// One decoder layer: a mixer between tokens and a feed-forward part, each behind a norm, and added to what came in.
struct DecoderLayer: Sendable {
  /// What the mixer reads is normed by.
  let mixerNorm: RMSNorm
  let mixer: any TokenMixer
  /// What the mixer gives is normed by before it is added; nil for most families.
  var mixedNorm: RMSNorm?
  /// What the feed-forward part reads is normed by.
  let feedForwardNorm: RMSNorm
  let feedForward: any FeedForward
  /// What the feed-forward part gives is normed by before it is added; nil for most families.
  var fedNorm: RMSNorm?

  /// Takes hidden states through the layer, in place.
  func callAsFunction(_ x: Activations, turns: Turns, states: [LayerState], _ compute: Compute) {
    let mixed = mixer(mixerNorm(x, compute), turns: turns, states: states, compute)
    x.add(mixedNorm?(mixed, compute) ?? mixed, compute)
    let fed = feedForward(feedForwardNorm(x, compute), compute)
    x.add(fedNorm?(fed, compute) ?? fed, compute)
  }
}

extension DecoderLayer {
  /// A layer with two norms, attention and a gated feed-forward part.
  init(
    _ loader: WeightLoader, _ index: Int, _ c: DecoderConfiguration, rotary: RotaryEmbedding?, window: Int? = nil
  ) throws(CheckpointError) {
    let blk = "blk.\(index)."
    self.init(
      mixerNorm: try loader.rmsNorm(blk + "attn_norm.weight", c.rmsEpsilon),
      mixer: try AttentionBlock(loader, blk, c, rotary: rotary, window: window),
      feedForwardNorm: try loader.rmsNorm(blk + "ffn_norm.weight", c.rmsEpsilon),
      feedForward: try GatedFeedForward(loader, blk))
  }
}

/// A decoder: the embedding table, layers, a norm, and the head, run on the weights as stored.
struct Decoder: LanguageModel {
  let configuration: DecoderConfiguration
  let embedding: WeightMatrix  // [vocabulary, hidden]
  let head: WeightMatrix  // [vocabulary, hidden]; the embedding itself where the two are tied
  let norm: RMSNorm
  let layers: [DecoderLayer]
  let shortLength: Int
  /// What embeddings are multiplied by.
  var embeddingScale: Float = 1
  var seesWholePictures = false
  /// The soft cap of logits; nil for none.
  var softCap: Float?

  var vocabularySize: Int { configuration.vocabularySize }
  var hiddenSize: Int { configuration.hiddenSize }
  var layerCount: Int { layers.count }
  var contextLength: Int { configuration.contextLength }

  /// Looks up the weights at both ends, of which only vectors are read; the layers are the family's.
  ///
  /// - Throws: `missing`, `mismatch` or `unsupported`, naming the tensor.
  init(
    _ loader: WeightLoader, _ c: DecoderConfiguration, layer: (Int) throws(CheckpointError) -> DecoderLayer
  ) throws(CheckpointError) {
    configuration = c
    embedding = try loader.matrix("token_embd.weight")
    head = c.tied ? embedding : try loader.matrix("output.weight")
    norm = try loader.rmsNorm("output_norm.weight", c.rmsEpsilon)
    layers = try (0..<c.layerCount).map(layer)
    shortLength = c.rotary.scaling.limit
  }

  func makeState(ofLayer layer: Int, capacity: Int) -> LayerState { layers[layer].mixer.makeState(capacity: capacity) }

  func embed(_ tokens: [Int32], replaced: [String: WeightMatrix]) throws(CheckpointError) -> Activations {
    let rows = try (replaced[embedding.name] ?? embedding).gather(tokens)
    if embeddingScale != 1 { rows.withElements { all in for i in all.indices { all[i] *= embeddingScale } } }
    return rows
  }

  func layer(_ index: Int, _ x: Activations, turns: Turns, states: [LayerState], compute: Compute) {
    layers[index](x, turns: turns, states: states, compute)
  }

  func normed(_ hidden: Activations, rows: Range<Int>, compute: Compute) -> Activations {
    norm(hidden, rows: rows, compute)
  }

  func logits(_ normed: Activations, vocabulary: Range<Int>, compute: Compute) -> Activations {
    let logits = compute(normed, head.rows(vocabulary))
    if let softCap { logits.cap(softly: softCap, compute) }
    return logits
  }
}
