import Base
import Containers
import Engine

extension Gemma3 {
  package func languageModel(_ checkpoint: Checkpoint) throws(CheckpointError) -> any LanguageModel {
    let loader = try WeightLoader(checkpoint, rules: rules)
    var model = try Decoder(loader, decoder) { index throws(CheckpointError) in try layer(index, loader) }
    model.embeddingScale = Float(decoder.hiddenSize).squareRoot()
    model.seesWholePictures = true
    model.softCap = configuration.logitCap.map { Float($0) }
    return model
  }

  /// A layer whose two parts are normed before and behind.
  private func layer(_ index: Int, _ loader: WeightLoader) throws(CheckpointError) -> DecoderLayer {
    let (c, blk) = (configuration, "blk.\(index).")
    let isWindowed = c.layerIsWindowed[index]
    let rotary =
      isWindowed ? RotaryEmbedding(dimension: decoder.rotaryDimension, theta: c.windowTheta) : decoder.rotary
    func norm(_ name: String) throws(CheckpointError) -> RMSNorm {
      try loader.rmsNorm(blk + name + ".weight", decoder.rmsEpsilon)
    }
    return DecoderLayer(
      mixerNorm: try norm("attn_norm"),
      mixer: try AttentionBlock(
        loader, blk, decoder, rotary: rotary, window: isWindowed ? c.window : nil,
        scale: 1 / Float(c.queryScalar).squareRoot()),
      mixedNorm: try norm("post_attention_norm"), feedForwardNorm: try norm("ffn_norm"),
      feedForward: try GatedFeedForward(loader, blk, .gelu), fedNorm: try norm("post_ffw_norm"))
  }
}
