import Base
import Engine

extension Decoder {
  /// A decoder whose layers are gated delta nets and gated attention in turns, with value heads in an order.
  init(_ loader: WeightLoader, _ c: HybridConfiguration, order: ValueHeadOrder) throws(CheckpointError) {
    let rotary = c.decoder.rotary
    try self.init(loader, c.decoder) { index throws(CheckpointError) in
      let blk = "blk.\(index)."
      let mixer: any TokenMixer =
        c.layerIsFull[index]
        ? try AttentionBlock(loader, blk, c.decoder, rotary: rotary, isGated: true)
        : try DeltaNetBlock(loader, blk, c, order: order)
      return try DecoderLayer(loader, blk, c, mixer, isSparse: c.experts?.layerIsSparse[index] ?? false)
    }
  }
}

extension DecoderLayer {
  /// A layer of such a decoder around a mixer; `isSparse` says whether its feed-forward part is experts.
  init(
    _ loader: WeightLoader, _ blk: String, _ c: HybridConfiguration, _ mixer: any TokenMixer, isSparse: Bool
  ) throws(CheckpointError) {
    let feedForward: any FeedForward
    if let experts = c.experts, isSparse {
      feedForward = try ExpertMixture(loader, blk, experts, experts.normalizes ? .normalizedShares : .shares)
    } else {
      feedForward = try GatedFeedForward(loader, blk)
    }
    self.init(
      mixerNorm: try loader.rmsNorm(blk + "attn_norm.weight", c.rmsEpsilon), mixer: mixer,
      feedForwardNorm: try loader.rmsNorm(blk + "post_attention_norm.weight", c.rmsEpsilon), feedForward: feedForward)
  }
}
