import Base
import Engine

/// What mixes tokens in a decoder layer: attention of some kind, or a recurrence.
protocol TokenMixer: Sendable {
  /// The matrices that read normed hidden states.
  var inputs: [WeightMatrix] { get }
  /// The matrix through which what was mixed goes back.
  var output: WeightMatrix { get }
  /// What it remembers before the first token of a sequence, with room for `capacity` tokens before it has to grow.
  func makeState(capacity: Int) -> LayerState
  /// Normed hidden states, [T, hidden], to what the output matrix reads.
  ///
  /// Of several sequences side by side the rows lie one sequence after another; each has its own of `states`.
  func mix(_ u: Activations, turns: Turns, states: [LayerState], _ compute: Compute) -> Activations
  /// What was mixed to what is added to the hidden states, [T, hidden].
  func project(_ mixed: Activations, _ compute: Compute) -> Activations
  /// ``mix(_:turns:states:_:)`` and ``project(_:_:)`` of one sequence from its first token on, and the way of a gradient back through both.
  func pullback(_ u: Activations, turns: Turns, _ compute: Compute) -> Pullback
}

/// What a decoder layer does with each token by itself.
protocol FeedForward: Sendable {
  /// The matrices that read normed hidden states, and the one through which what they made of them goes back; nil where tokens go different ways,
  /// so that no matrix reads all of them.
  var ends: (inputs: [WeightMatrix], output: WeightMatrix)? { get }
  /// Normed hidden states, [T, hidden], to what the output matrix reads; where there is not one, to what is added to the hidden states.
  func open(_ v: Activations, _ compute: Compute) -> Activations
  /// What came of that to what is added to the hidden states, [T, hidden].
  func close(_ opened: Activations, _ compute: Compute) -> Activations
  /// ``open(_:_:)`` and ``close(_:_:)``, and the way of a gradient back through both.
  func pullback(_ v: Activations, _ compute: Compute) -> Pullback
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
    for half in halves { half.add(half.open(half.norm(x, compute), turns, states, compute), to: x, compute) }
  }

  /// The mixer, and the feed-forward part, each between its norm and its sum.
  var halves: [LayerHalf] {
    [
      LayerHalf(
        inputs: mixer.inputs, output: mixer.output, normsOutput: mixedNorm != nil,
        norm: { mixerNorm($0, $1) }, open: { mixer.mix($0, turns: $1, states: $2, $3) },
        close: { inner, compute in
          let mixed = mixer.project(inner, compute)
          return mixedNorm?(mixed, compute) ?? mixed
        }),
      LayerHalf(
        inputs: feedForward.ends?.inputs ?? [], output: feedForward.ends?.output, normsOutput: fedNorm != nil,
        norm: { feedForwardNorm($0, $1) }, open: { v, _, _, compute in feedForward.open(v, compute) },
        close: { inner, compute in
          let fed = feedForward.close(inner, compute)
          return fedNorm?(fed, compute) ?? fed
        }),
    ]
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

  func halves(ofLayer layer: Int) -> [LayerHalf] { layers[layer].halves }

  func normed(_ hidden: Activations, rows: Range<Int>, compute: Compute) -> Activations {
    norm(hidden, rows: rows, compute)
  }

  func logits(_ normed: Activations, vocabulary: Range<Int>, compute: Compute) -> Activations {
    let logits = compute(normed, head.rows(vocabulary))
    if let softCap { logits.cap(softly: softCap, compute) }
    return logits
  }
}
