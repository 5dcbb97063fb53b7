import Base
import Containers
import Images

/// A family that sees with the encoder of Qwen3-VL and Qwen3.5.
package protocol QwenSighted: ModelDescription, Runnable {
  /// What differs in its encoder.
  static var visionKind: QwenVision.Kind { get }
  /// The hyper-parameters of its encoder; nil where it has none.
  var vision: QwenVision? { get set }
  /// Decoder layers behind which rows of pictures are added to.
  var deepstackLayers: Int { get }
}

extension QwenVision {
  /// Limits of a resized picture's pixels: key in GGUF, name in `preprocessor_config.json`, published value.
  static let pixelLimits: [(key: String, edge: String, published: Int)] = [
    ("image_min_pixels", "shortest_edge", 65_536), ("image_max_pixels", "longest_edge", 16_777_216),
  ]

  /// What the published prompts write where a picture is to be seen.
  static let markup = PictureMarkup(before: "<|vision_start|>", token: "<|image_pad|>", after: "<|vision_end|>")

  /// Prefixes under which savers have put parts that belong elsewhere, and the right ones.
  static let misplacedPrefixes = [
    (wrong: "model.language_model.visual.", right: "model.visual."),
    (wrong: "language_model.visual.", right: "visual."),
    (wrong: "model.language_model.lm_head.", right: "lm_head."), (wrong: "model.lm_head.", right: "lm_head."),
  ]

  /// The keys of `config.json` that name the tokens around pictures.
  static let tokenKeys = ["image_token_id", "video_token_id", "vision_end_token_id", "vision_start_token_id"]

  /// Reads the encoder of a folder whose tensors are there; nil without them, and for a GGUF, which keeps it in another file.
  ///
  /// - Throws: `missing` without a `vision_config`, and what reading it throws.
  init?(_ source: DecoderSource, _ decoder: DecoderConfiguration, _ kind: Kind) throws(CheckpointError) {
    guard source.names.vision != nil, let config = source.config else { return nil }
    guard let section = config["vision_config"], section.objectValue != nil else {
      throw CheckpointError(.missing, "vision_config is missing although vision tensors exist", file: source.file)
    }
    try self.init(json: section, textWidth: decoder.hiddenSize, kind: kind, file: source.file)
  }
}

extension QwenSighted {
  package func seeing(through projector: Checkpoint, besides text: Checkpoint) throws(CheckpointError) -> Self {
    let encoder = try QwenVision(mmproj: projector.metadata, kind: Self.visionKind, file: projector.path)
    try ProjectorMatch.checkWidth(encoder.outHiddenSize, of: Self.ggufName, decoder.hiddenSize, projector)
    try encoder.check(against: text, projector: projector)
    guard encoder.deepstack.count == deepstackLayers else {
      throw CheckpointError(
        .mismatch,
        "clip.vision.is_deepstack_layers names \(encoder.deepstack.count) blocks, and \(Self.ggufName).n_deepstack_layers is "
          + "\(deepstackLayers): this projector belongs to another model", file: projector.path)
    }
    var copy = self
    copy.vision = encoder
    copy.names.vision = Self.published.vision
    return copy
  }

  /// The metadata of the `mmproj` GGUF; nil without a vision encoder.
  package func visionMetadata(
    _ description: FileDescription, folder: HuggingFaceFolder?
  ) throws(CheckpointError) -> Metadata? {
    guard let v = vision, parts.contains(.vision) else { return nil }
    var writer = try MetadataWriter(
      projector: "qwen3vl_merger",
      .init(
        outputWidth: v.outHiddenSize, imageSize: v.positionSide * v.patchSize, patchSize: v.patchSize,
        hiddenSize: v.hiddenSize, intermediateSize: v.intermediateSize, depth: v.depth, heads: v.heads), description,
      folder)
    writer.outside("clip.use_gelu", .bool(true))
    writer.count("spatial_merge_size", v.mergeSize)
    // llama.cpp's converter takes the text model's epsilon here; both are 1e-6 in every published model.
    writer.put("attention.layer_norm_epsilon", .float32(decoder.rmsEpsilon))
    writer.put("is_deepstack_layers", .list((0..<v.depth).map(v.deepstack.contains)))
    // Limits other than the published ones travel under llama.cpp's names for them; it does not read them for this family.
    for (key, edge, published) in QwenVision.pixelLimits {
      let value = folder?.preprocessorConfig?["size"]?[edge]?.intValue
      if let value, value != published, let limit = UInt32(exactly: value) {
        writer.put(key, .uint32(limit))
      }
    }
    return writer.metadata
  }

  package func preprocessing(_ projector: Metadata) -> Preprocessing? {
    guard let v = vision else { return nil }
    var result = Preprocessing()
    (result.patchSize, result.temporalPatchSize, result.mergeSize) = (v.patchSize, v.temporalPatchSize, v.mergeSize)
    func limit(_ limit: (key: String, edge: String, published: Int)) -> Int {
      projector.uint("clip.vision." + limit.key).flatMap { Int(exactly: $0) } ?? limit.published
    }
    (result.minPixels, result.maxPixels) = (limit(QwenVision.pixelLimits[0]), limit(QwenVision.pixelLimits[1]))
    result.readChannels(projector)
    return result
  }

  package func preprocessorJSON(mmproj: Metadata) -> OrderedJSON? {
    preprocessing(mmproj)?.json(processor: "Qwen3VLProcessor", images: "Qwen2VLImageProcessorFast")
  }

  package func visionEncoder(_ checkpoint: Checkpoint) throws(CheckpointError) -> (any VisionEncoder)? {
    guard let vision, names.vision != nil else { return nil }
    return try QwenEncoder(checkpoint, configuration: vision, rules: rules, dialect: dialect)
  }
}
