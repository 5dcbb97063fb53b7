import Base
import Containers

extension Gemma3 {
  /// The hyper-parameters of the vision encoder (SigLIP) and of the projector behind it.
  ///
  /// Source: `vision_config` of `config.json`, or the metadata of an `mmproj` GGUF under `clip.vision.`.
  package struct Vision: Sendable, Equatable {
    /// Transformer blocks.
    package var depth: Int
    package var hiddenSize: Int
    package var intermediateSize: Int
    package var heads: Int
    /// Side of a patch in pixels.
    package var patchSize: Int
    /// Side in pixels of the square that every picture is stretched to.
    package var imageSize: Int
    /// Side, in patches, of the square whose mean becomes one token.
    package var poolSize: Int
    /// Width of what the encoder hands to the text model.
    package var outHiddenSize: Int
    /// Epsilon of the norms.
    package var epsilon: Float

    package var headDimension: Int { hiddenSize / heads }
    /// Patches along a side of the picture.
    package var side: Int { imageSize / patchSize }
    /// Tokens along a side of the picture.
    package var tokenSide: Int { side / poolSize }
  }
}

extension Gemma3.Vision {
  private typealias Key = ConfigurationReader.Key

  /// Most patches along a side; the published encoders have 64.
  private static let sideLimit = 256
  /// The pool of the published encoders, which GGUF does not name.
  static let usualPool = 4

  /// Reads the encoder of a folder whose tensors are there; nil without them, and for a GGUF, which keeps it in another file.
  ///
  /// - Throws: `missing` without a `vision_config`, and what reading it throws.
  init?(_ source: DecoderSource, textWidth: Int) throws(CheckpointError) {
    guard source.names.vision != nil, let config = source.config else { return nil }
    try self.init(json: config, textWidth: textWidth, file: source.file)
  }

  /// Reads a `config.json`; `textWidth` is the hidden size of the text model that the encoder feeds.
  init(json config: OrderedJSON, textWidth: Int, file: String) throws(CheckpointError) {
    guard let section = config["vision_config"], section.objectValue != nil else {
      throw CheckpointError(.missing, "vision_config is missing although vision tensors exist", file: file)
    }
    let reader = ConfigurationReader(json: section, place: "vision_config", file: file)
    try self.init(shared: reader)
    _ = try reader.integer(Key("num_channels", ""), in: 3...3, fallback: 3)
    if let activation = reader.text("hidden_act"), activation != "gelu_pytorch_tanh" {
      throw reader.broken(
        Key("hidden_act", ""), "is \(shortened(activation)); Gemma 3 uses gelu_pytorch_tanh", code: .unsupported)
    }
    outHiddenSize = textWidth
    let outer = ConfigurationReader(json: config, place: "", file: file)
    let key = Key("mm_tokens_per_image", "")
    let tokens = try outer.integer(key, in: 1...(Self.sideLimit * Self.sideLimit), fallback: 256)
    let tokenSide = Int(Double(tokens).squareRoot().rounded())
    guard tokenSide * tokenSide == tokens, side % tokenSide == 0 else {
      throw outer.broken(key, "(\(tokens)) must be the square of a number that divides the \(side) patches of a side")
    }
    poolSize = side / tokenSide
  }

  /// Reads the metadata of an `mmproj` GGUF.
  init(mmproj metadata: Metadata, file: String) throws(CheckpointError) {
    try ProjectorMatch.checkType("gemma3", of: metadata, file: file)
    let reader = ConfigurationReader(metadata: metadata, prefix: "clip.vision", file: file)
    try self.init(shared: reader)
    outHiddenSize = try reader.integer(Key("", "projection_dim"), in: 1...DecoderConfiguration.widthLimit)
    let pool = Key("", "projector.scale_factor")
    poolSize = try reader.integer(pool, in: 1...Self.sideLimit, fallback: Self.usualPool)
    guard side % poolSize == 0 else {
      throw reader.broken(pool, "(\(poolSize)) must divide the \(side) patches of a side")
    }
  }

  private init(shared reader: ConfigurationReader) throws(CheckpointError) {
    let width = 1...(1 << 14)
    depth = try reader.integer(Key("num_hidden_layers", "block_count"), in: 1...1024, fallback: 12)
    hiddenSize = try reader.integer(Key("hidden_size", "embedding_length"), in: width, fallback: 768)
    intermediateSize = try reader.integer(Key("intermediate_size", "feed_forward_length"), in: width, fallback: 3072)
    let headsKey = Key("num_attention_heads", "attention.head_count")
    heads = try reader.integer(headsKey, in: 1...4096, fallback: 12)
    guard hiddenSize % heads == 0 else {
      throw reader.broken(headsKey, "(\(heads)) must divide the width \(hiddenSize)")
    }
    patchSize = try reader.integer(Key("patch_size", "patch_size"), in: 1...256, fallback: 16)
    let image = Key("image_size", "image_size")
    imageSize = try reader.integer(image, in: 1...4096, fallback: 224)
    guard imageSize % patchSize == 0, imageSize / patchSize <= Self.sideLimit else {
      throw reader.broken(
        image, "(\(imageSize)) must be a multiple of the patch size (\(patchSize)), at most \(Self.sideLimit) of them")
    }
    epsilon = Float(
      try reader.positive(Key("layer_norm_eps", "attention.layer_norm_epsilon"), upTo: 1, fallback: 1e-6))
    poolSize = 1
    outHiddenSize = 0
  }

  /// The published structure of `vision_config`.
  var json: OrderedJSON {
    .object([
      "attention_dropout": .number(0), "hidden_act": .string("gelu_pytorch_tanh"),
      "hidden_size": .integer(Int64(hiddenSize)), "image_size": .integer(Int64(imageSize)),
      "intermediate_size": .integer(Int64(intermediateSize)),
      "layer_norm_eps": .number(Double(epsilon.description) ?? Double(epsilon)),
      "model_type": .string("siglip_vision_model"), "num_attention_heads": .integer(Int64(heads)),
      "num_channels": .integer(3), "num_hidden_layers": .integer(Int64(depth)),
      "patch_size": .integer(Int64(patchSize)), "vision_use_head": .bool(false),
    ])
  }
}
