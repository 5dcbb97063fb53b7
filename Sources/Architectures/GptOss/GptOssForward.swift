import Base
import Containers
import Engine

extension GptOss {
  /// Source of the formulas: the published model definition, as written down in formats/architectures/gpt_oss.md.
  package func languageModel(_ checkpoint: Checkpoint) throws(CheckpointError) -> any LanguageModel {
    let loader = try WeightLoader(checkpoint, rules: rules)
    let rotary = decoder.rotary
    return try Decoder(loader, decoder) { index throws(CheckpointError) in
      let blk = "blk.\(index)."
      return DecoderLayer(
        mixerNorm: try loader.rmsNorm(blk + "attn_norm.weight", decoder.rmsEpsilon),
        mixer: try AttentionBlock(loader, blk, decoder, rotary: rotary, window: windows[index]),
        feedForwardNorm: try loader.rmsNorm(blk + "post_attention_norm.weight", decoder.rmsEpsilon),
        feedForward: try ExpertMixture(loader, blk, experts, .chosenAlone, .clamped(limit: limit)))
    }
  }
}
