import Containers
import Images
import Base

extension Qwen35 {
  /// The hyper-parameters of the vision encoder.
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
    /// Frames of a patch; always 2.
    package var temporalPatchSize: Int
    /// Side, in patches, of the square that becomes one token.
    package var mergeSize: Int
    /// Rows of the position table, a square number.
    package var positions: Int
    /// Width of what the encoder hands to the text model.
    package var outHiddenSize: Int
    /// Epsilon of the layer norms.
    package var epsilon: Float

    /// Colour channels.
    package var channels: Int { 3 }
    package var headDimension: Int { hiddenSize / heads }
    /// Side of the position table.
    package var positionSide: Int { Int(Double(positions).squareRoot().rounded()) }
    /// Values of one flattened patch: channels, frames, rows, columns.
    package var patchWidth: Int { channels * temporalPatchSize * patchSize * patchSize }
    /// Width of the patches that are merged into one token.
    package var mergedWidth: Int { hiddenSize * mergeSize * mergeSize }
  }
}

extension Qwen35.Vision {
  private typealias Key = ConfigurationReader.Key

  /// Reads `vision_config`; `textWidth` is the hidden size of the text model it feeds.
  package init(
    json: OrderedJSON, textWidth: Int, file: String
  ) throws(CheckpointError) {
    let reader = ConfigurationReader(json: json, place: "vision_config", file: file)
    try self.init(shared: reader)
    epsilon = 1e-6
    temporalPatchSize = try reader.integer(Key("temporal_patch_size", ""), in: 2...2, fallback: 2)
    _ = try reader.integer(Key("in_channels", ""), in: 3...3, fallback: 3)
    let table = Key("num_position_embeddings", "")
    positions = try reader.integer(table, in: 1...(1 << 24), fallback: 2304)
    guard positionSide * positionSide == positions else {
      throw reader.broken(table, "(\(positions)) must be a square number")
    }
    let out = Key("out_hidden_size", "")
    outHiddenSize = try reader.integer(out, in: 1...DecoderConfiguration.widthLimit, fallback: textWidth)
    guard outHiddenSize == textWidth else {
      throw reader.broken(out, "(\(outHiddenSize)) must equal the text model's hidden_size (\(textWidth))")
    }
    if let stacked = reader.value("deepstack_visual_indexes")?.arrayValue, !stacked.isEmpty {
      throw reader.broken(
        Key("deepstack_visual_indexes", ""), "is not empty; Qwen3.5 has no deep stack", code: .unsupported)
    }
    if let activation = reader.text("hidden_act"), activation != "gelu_pytorch_tanh" {
      throw reader.broken(
        Key("hidden_act", ""), "is \(activation); Qwen3.5 uses gelu_pytorch_tanh", code: .unsupported)
    }
  }

  /// Reads the metadata of an `mmproj` GGUF.
  package init(mmproj metadata: Metadata, file: String) throws(CheckpointError) {
    let projector = metadata.string("clip.projector_type") ?? metadata.string("clip.vision.projector_type")
    guard projector == "qwen3vl_merger" else {
      throw CheckpointError(
        .unsupported, "clip.projector_type is \(projector ?? "missing"); this reads qwen3vl_merger", file: file)
    }
    let reader = ConfigurationReader(metadata: metadata, prefix: "clip.vision", file: file)
    try self.init(shared: reader)
    epsilon = Float(try reader.positive(Key("", "attention.layer_norm_epsilon"), upTo: 1, fallback: 1e-6))
    temporalPatchSize = 2
    let image = Key("", "image_size")
    let side = try reader.integer(image, in: 1...(1 << 20))
    guard side % patchSize == 0, side / patchSize <= 4096 else {
      throw reader.broken(image, "(\(side)) must be a multiple of the patch size (\(patchSize)), at most 4096 of them")
    }
    positions = (side / patchSize) * (side / patchSize)
    outHiddenSize = try reader.integer(Key("", "projection_dim"), in: 1...DecoderConfiguration.widthLimit)
  }

  /// Refuses a projector of another structure than the text model's own configuration describes.
  ///
  /// A folder, and a text GGUF that carries its config.json, say what they were made to see with.
  func check(against text: Checkpoint, projector: Checkpoint) throws(CheckpointError) {
    if projector.metadata.bools("clip.vision.is_deepstack_layers")?.contains(true) == true {
      throw CheckpointError(
        .mismatch,
        "clip.vision.is_deepstack_layers is not all false; Qwen3.5 has no deep stack: this projector belongs "
          + "to another model", file: projector.path)
    }
    let carried = text.metadata.string(ProjectorMatch.configurationKey).flatMap { config in
      try? OrderedJSON(parsing: Array(config.utf8), file: text.path, memory: MemoryBudget.documents, nonFinite: true)
    }
    guard let section = (text.folder?.config ?? carried)?["vision_config"], section.objectValue != nil,
      let own = try? Self(json: section, textWidth: outHiddenSize, file: text.path)
    else { return }
    let fields: [(String, KeyPath<Self, Int>)] = [
      ("block_count", \.depth), ("embedding_length", \.hiddenSize), ("feed_forward_length", \.intermediateSize),
      ("attention.head_count", \.heads), ("patch_size", \.patchSize), ("spatial_merge_size", \.mergeSize),
    ]
    for (key, path) in fields where self[keyPath: path] != own[keyPath: path] {
      throw CheckpointError(
        .mismatch,
        "clip.vision.\(key) is \(self[keyPath: path]) and the model was made for \(own[keyPath: path]): this projector "
          + "belongs to another model", file: projector.path)
    }
  }

  private init(shared reader: ConfigurationReader) throws(CheckpointError) {
    // A picture may have 65,536 patches, each a row of this width.
    let width = 1...(1 << 14)
    depth = try reader.integer(Key("depth", "block_count"), in: 1...1024)
    hiddenSize = try reader.integer(Key("hidden_size", "embedding_length"), in: width)
    intermediateSize = try reader.integer(Key("intermediate_size", "feed_forward_length"), in: width)
    let headsKey = Key("num_heads", "attention.head_count")
    heads = try reader.integer(headsKey, in: 1...4096)
    guard hiddenSize % heads == 0, hiddenSize / heads % 4 == 0 else {
      throw reader.broken(headsKey, "(\(heads)) must cut \(hiddenSize) into heads whose width is a multiple of 4")
    }
    patchSize = try reader.integer(Key("patch_size", "patch_size"), in: 1...1024, fallback: 16)
    mergeSize = try reader.integer(Key("spatial_merge_size", "spatial_merge_size"), in: 1...16, fallback: 2)
    temporalPatchSize = 2
    positions = 0
    outHiddenSize = 0
    epsilon = 0
  }
}

extension Qwen35.Vision {
  /// The vision encoder and the merger that follows it.
  var rules: [TensorRule] {
    let prefix = Qwen35.published.vision ?? ""
    func pair(_ from: String, _ to: String, _ shape: [Int]) -> [TensorRule] {
      [
        TensorRule(prefix + from + ".weight", to + ".weight", part: .vision, shape: shape),
        TensorRule(prefix + from + ".bias", to + ".bias", part: .vision, shape: [shape[0]]),
      ]
    }
    let (width, inner, merged) = (hiddenSize, intermediateSize, mergedWidth)
    var rules = patchEmbedding(prefix)
    rules += [
      TensorRule(
        prefix + "pos_embed.weight", "v.position_embd.weight", part: .vision, shape: [positions, width])
    ]
    for block in 0..<depth {
      let (from, to) = ("blocks.\(block).", "v.blk.\(block).")
      rules += pair(from + "norm1", to + "ln1", [width]) + pair(from + "norm2", to + "ln2", [width])
      rules += pair(from + "attn.qkv", to + "attn_qkv", [3 * width, width])
      rules += pair(from + "attn.proj", to + "attn_out", [width, width])
      rules += pair(from + "mlp.linear_fc1", to + "ffn_up", [inner, width])
      rules += pair(from + "mlp.linear_fc2", to + "ffn_down", [width, inner])
    }
    rules += pair("merger.norm", "v.post_ln", [width])
    rules += pair("merger.linear_fc1", "mm.0", [merged, merged])
    rules += pair("merger.linear_fc2", "mm.2", [outHiddenSize, merged])
    return rules
  }

  /// The patch embedding, a convolution over two frames that GGUF keeps as two convolutions.
  private func patchEmbedding(_ prefix: String) -> [TensorRule] {
    let (side, frames) = (patchSize, temporalPatchSize)
    let planes = (0..<frames).map { frame in
      TensorRule(
        prefix + "patch_embed.proj.weight", "v.patch_embd.weight" + (frame == 0 ? "" : ".\(frame)"), part: .vision,
        shape: [hiddenSize, channels, frames, side, side], ggufShape: [hiddenSize, channels, side, side],
        steps: [.plane(.init(index: frame, count: frames, width: side * side))],
        mlx: (
          [hiddenSize, frames, side, side, channels], [.transposed(rows: channels, columns: frames * side * side)]
        ))
    }
    return planes + [
      TensorRule(
        prefix + "patch_embed.proj.bias", "v.patch_embd.bias", part: .vision, shape: [hiddenSize])
    ]
  }

  /// The published structure of `vision_config`.
  var json: OrderedJSON {
    .object([
      "deepstack_visual_indexes": .array([]), "depth": .integer(Int64(depth)),
      "hidden_act": .string("gelu_pytorch_tanh"), "hidden_size": .integer(Int64(hiddenSize)),
      "in_channels": .integer(Int64(channels)), "intermediate_size": .integer(Int64(intermediateSize)),
      "model_type": .string("qwen3_5"), "num_heads": .integer(Int64(heads)),
      "num_position_embeddings": .integer(Int64(positions)), "out_hidden_size": .integer(Int64(outHiddenSize)),
      "patch_size": .integer(Int64(patchSize)), "spatial_merge_size": .integer(Int64(mergeSize)),
      "temporal_patch_size": .integer(Int64(temporalPatchSize)),
    ])
  }
}

extension Qwen35 {
  package func seeing(through projector: Checkpoint, besides text: Checkpoint) throws(CheckpointError) -> Qwen35 {
    let encoder = try Vision(mmproj: projector.metadata, file: projector.path)
    guard encoder.outHiddenSize == configuration.hiddenSize else {
      throw CheckpointError(
        .mismatch,
        "clip.vision.projection_dim (\(encoder.outHiddenSize)) must equal qwen35.embedding_length "
          + "(\(configuration.hiddenSize)): this projector belongs to another model", file: projector.path)
    }
    try encoder.check(against: text, projector: projector)
    var copy = self
    copy.configuration.vision = encoder
    copy.names.vision = Self.published.vision
    return copy
  }

  /// The metadata of the `mmproj` GGUF; nil without a vision encoder.
  ///
  /// Mean and deviation of the pixels come from `preprocessor_config.json`, one half each when it has none.
  package func visionMetadata(
    _ description: FileDescription, folder: HuggingFaceFolder?
  ) throws(CheckpointError) -> Metadata? {
    guard let v = configuration.vision, parts.contains(.vision) else { return nil }
    var writer = MetadataWriter("clip", type: "mmproj", prefix: "clip.vision", description)
    writer.fileType(description)
    writer.outside("clip.has_vision_encoder", .bool(true))
    writer.count("projection_dim", v.outHiddenSize)
    writer.count("image_size", v.positionSide * v.patchSize)
    writer.count("patch_size", v.patchSize)
    writer.count("embedding_length", v.hiddenSize)
    writer.count("feed_forward_length", v.intermediateSize)
    writer.count("block_count", v.depth)
    writer.count("attention.head_count", v.heads)
    writer.put("image_mean", .list(try pixels("image_mean", folder)))
    writer.put("image_std", .list(try pixels("image_std", folder)))
    writer.outside("clip.projector_type", .string("qwen3vl_merger"))
    writer.outside("clip.use_gelu", .bool(true))
    writer.count("spatial_merge_size", v.mergeSize)
    // llama.cpp's converter takes the text model's epsilon here; both are 1e-6 in every published model.
    writer.put("attention.layer_norm_epsilon", .float32(configuration.rmsEpsilon))
    writer.put("is_deepstack_layers", .list([Bool](repeating: false, count: v.depth)))
    // Limits other than the published ones travel under llama.cpp's names for them; it does not read them for this family.
    for (key, edge, published) in Qwen35.pixelLimits {
      let value = folder?.preprocessorConfig?["size"]?[edge]?.intValue
      if let value, value != published, let limit = UInt32(exactly: value) {
        writer.put(key, .uint32(limit))
      }
    }
    return writer.metadata
  }

  /// Limits of a resized picture's pixels: key in GGUF, name in `preprocessor_config.json`, published value.
  static let pixelLimits: [(key: String, edge: String, published: Int)] = [
    ("image_min_pixels", "shortest_edge", 65_536), ("image_max_pixels", "longest_edge", 16_777_216),
  ]

  /// Three numbers of `preprocessor_config.json`, one a colour.
  private func pixels(_ key: String, _ folder: HuggingFaceFolder?) throws(CheckpointError) -> [Float] {
    guard let values = folder?.preprocessorConfig?[key] else { return [0.5, 0.5, 0.5] }
    let numbers = values.arrayValue?.compactMap(\.doubleValue).filter { $0.isFinite && abs($0) <= 1e6 } ?? []
    guard numbers.count == 3 else {
      throw CheckpointError(
        .malformed, "\(key) must be a list of three numbers", file: "\(folder?.path ?? "")/preprocessor_config.json")
    }
    return numbers.map { Float($0) }
  }

  package func preprocessing(_ projector: Metadata) -> Preprocessing? {
    guard let v = configuration.vision else { return nil }
    var result = Preprocessing()
    (result.patchSize, result.temporalPatchSize, result.mergeSize) = (v.patchSize, v.temporalPatchSize, v.mergeSize)
    func limit(_ limit: (key: String, edge: String, published: Int)) -> Int {
      projector.uint("clip.vision." + limit.key).flatMap { Int(exactly: $0) } ?? limit.published
    }
    (result.minPixels, result.maxPixels) = (limit(Qwen35.pixelLimits[0]), limit(Qwen35.pixelLimits[1]))
    if let mean = projector.floats("clip.vision.image_mean") { result.mean = mean.map { Float($0) } }
    if let deviation = projector.floats("clip.vision.image_std") { result.deviation = deviation.map { Float($0) } }
    return result
  }

  package func preprocessorJSON(mmproj: Metadata) -> OrderedJSON? {
    preprocessing(mmproj)?.json(processor: "Qwen3VLProcessor", images: "Qwen2VLImageProcessorFast")
  }
}
