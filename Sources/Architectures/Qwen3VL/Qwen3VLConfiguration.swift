import Base
import Containers

/// Qwen3-VL: Qwen3 with rotary positions along time, rows and columns, and an encoder that adds to what the first decoder layers give.
///
/// Source: the published `config.json` and transformers' `models/qwen3_vl`; `formats/architectures/qwen3_vl.md` has the rules.
package struct Qwen3VL: Architecture, QwenSighted {
  package static let modelTypes = ["qwen3_vl", "qwen3_vl_text"]
  package static let textClass = "Qwen3VLTextModel"
  package static let ggufName = "qwen3vl"
  package static let splitName = "qwen2"
  package static let published = PartNames(text: "model.language_model.", vision: "model.visual.")
  package static let misplacedPrefixes = QwenVision.misplacedPrefixes
  package static let stopWords = ["<|im_end|>", "<|endoftext|>"]
  package static let picture: PictureMarkup? = QwenVision.markup
  package static let visionKind = QwenVision.Kind(
    title: "Qwen3-VL", modelType: "qwen3_vl", deepstack: [8, 16, 24])

  package var decoder: DecoderConfiguration
  /// Whether q, k, v and o have biases.
  let attentionBias: Bool
  let tokens: PictureTokens
  package var vision: QwenVision?
  package let deepstackLayers: Int
  package var names: PartNames
  package var notes: [String] = []

  /// Reads a checkpoint of either container.
  package init(checkpoint: Checkpoint) throws(CheckpointError) {
    let source = try DecoderSource(checkpoint, of: Self.self)
    names = source.names
    decoder = try DecoderConfiguration(source, family: "Qwen3-VL", Self.defaults)
    try source.requireActivation(["silu"])
    attentionBias = try source.flag("attention_bias", tensor: "blk.0.attn_q.bias")
    tokens = try PictureTokens(source, QwenVision.tokenKeys, of: decoder.vocabularySize)
    vision = try QwenVision(source, decoder, Self.visionKind)
    deepstackLayers = try Self.deepstackLayers(source, of: decoder.layerCount)
    try decoder.checkState(source)
    try settle(checkpoint, source)
  }

  /// What files mean by fields that they leave out.
  private static let defaults: DecoderConfiguration.Defaults = {
    var defaults = DecoderConfiguration.Defaults(ropeTheta: 500_000, mropeSection: [24, 20, 20])
    defaults.headDimension = 128
    defaults.keyValueHeadCount = 32
    defaults.contextLength = 128_000
    return defaults
  }()

  /// How many decoder layers are added to: a GGUF says it, and in a folder the encoder does, whose tensors may have been left out.
  private static func deepstackLayers(
    _ source: DecoderSource, of layers: Int
  ) throws(CheckpointError) -> Int {
    let most = min(layers, QwenVision.deepstackLimit)
    guard let config = source.config else {
      return try source.text.integer(.init("", "n_deepstack_layers"), in: 0...most, fallback: 0)
    }
    guard let section = config["vision_config"], section.objectValue != nil else { return 0 }
    let reader = ConfigurationReader(json: section, place: "vision_config", file: source.file)
    let key = ConfigurationReader.Key("deepstack_visual_indexes", "")
    let list = try reader.integers(key, in: 0...1023, count: 0...QwenVision.deepstackLimit)
    let count = list?.count ?? visionKind.deepstack?.count ?? 0
    guard count <= most else {
      throw reader.broken(key, "has \(count) entries, and the text model \(layers) layers to add to")
    }
    return count
  }
}
