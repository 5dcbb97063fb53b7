import Containers
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
    json: OrderedJSON, textWidth: Int, textEpsilon: Float, file: String
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
    outHiddenSize = try reader.integer(out, in: 1...Qwen35.widthLimit, fallback: textWidth)
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
    outHiddenSize = try reader.integer(Key("", "projection_dim"), in: 1...Qwen35.widthLimit)
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
      let own = try? Self(json: section, textWidth: outHiddenSize, textEpsilon: epsilon, file: text.path)
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
