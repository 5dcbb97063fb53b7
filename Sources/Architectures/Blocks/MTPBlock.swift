import Base
import Containers
import Engine

/// The multi-token-prediction block of Qwen3-Next and Qwen3.5.
///
/// A projection of two normed vectors side by side, one more attention layer with keys and values of its own, and a norm; table and head are
/// the text model's.
/// Source: `formats/architectures/qwen35.md`.
struct MTPBlock: DraftBlock {
  let enorm: RMSNorm  // of embeddings
  let hnorm: RMSNorm  // of hidden states
  let eh_proj: Projection  // [hidden, embedding | hidden]
  let attention: AttentionBlock
  /// With `attention` as its mixer.
  let layer: DecoderLayer
  let shared_head_norm: RMSNorm

  /// Looks up the weights of the block behind the last decoder layer; nil where the checkpoint has none.
  init?(_ checkpoint: Checkpoint, rules: [TensorRule], _ c: HybridConfiguration) throws(CheckpointError) {
    guard rules.contains(where: { $0.part == .mtp }) else { return nil }
    let loader = try WeightLoader(checkpoint, rules: rules, part: .mtp)
    let blk = "blk.\(c.layerCount)."
    enorm = try loader.rmsNorm(blk + "nextn.enorm.weight", c.rmsEpsilon)
    hnorm = try loader.rmsNorm(blk + "nextn.hnorm.weight", c.rmsEpsilon)
    eh_proj = try loader.projection(blk + "nextn.eh_proj")
    attention = try AttentionBlock(loader, blk, c.decoder, rotary: c.decoder.rotary, isGated: true)
    layer = try DecoderLayer(loader, blk, c, attention, isSparse: c.experts != nil)
    shared_head_norm = try loader.rmsNorm(blk + "nextn.shared_head_norm.weight", c.rmsEpsilon)
  }

  func makeState(capacity: Int) -> KeyValueCache {
    KeyValueCache(
      heads: attention.attention.keyValueHeads, dimension: attention.attention.dimension, capacity: capacity)
  }

  func read(_ places: DraftPlaces, cache: KeyValueCache, compute: Compute) {
    let x = joined(places, compute)
    attention.remember(
      layer.mixerNorm(x, compute), turns: Self.turns(places, cache), cache: cache, compute)
  }

  func guess(_ place: DraftPlaces, cache: KeyValueCache, compute: Compute) -> Activations {
    let x = joined(place, compute)
    layer(x, turns: Self.turns(place, cache), states: [.attention(cache)], compute)
    return shared_head_norm(x, compute)
  }

  /// [T, hidden] of both kinds to what the layer reads, [T, hidden].
  private func joined(_ places: DraftPlaces, _ compute: Compute) -> Activations {
    eh_proj(
      Activations.sideBySide([enorm(places.following, compute), hnorm(places.hidden, compute)], compute), compute)
  }

  private static func turns(_ places: DraftPlaces, _ cache: KeyValueCache) -> Turns {
    Turns(at: places.positions, length: cache.count + places.positions.count)
  }
}
