import Base
import Containers
import Engine

extension Qwen3Moe {
  package func languageModel(_ checkpoint: Checkpoint) throws(CheckpointError) -> any LanguageModel {
    let loader = try WeightLoader(checkpoint, rules: rules)
    let rotary = decoder.rotary
    return try Decoder(loader, decoder) { index throws(CheckpointError) in
      guard experts.layerIsSparse[index] else {
        return try DecoderLayer(loader, index, decoder, rotary: rotary, window: windows[index])
      }
      let blk = "blk.\(index)."
      return DecoderLayer(
        mixerNorm: try loader.rmsNorm(blk + "attn_norm.weight", decoder.rmsEpsilon),
        mixer: try AttentionBlock(loader, blk, decoder, rotary: rotary, window: windows[index]),
        feedForwardNorm: try loader.rmsNorm(blk + "ffn_norm.weight", decoder.rmsEpsilon),
        feedForward: try ExpertMixture(loader, blk, experts, experts.normalizes ? .normalizedShares : .shares))
    }
  }
}
