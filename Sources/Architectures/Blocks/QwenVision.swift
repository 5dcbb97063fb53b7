import Containers
import Images
import Base

/// The hyper-parameters of the vision encoder of Qwen3-VL and Qwen3.5.
///
/// Source: `vision_config` of `config.json`, or the metadata of an `mmproj` GGUF under `clip.vision.`.
package struct QwenVision: Sendable, Equatable {
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
  /// Blocks, in ascending order, behind which a further merger makes what is added behind a decoder layer: of the first of them behind
  /// the first layer, and so on.
  package var deepstack: [Int]
  /// Whose encoder it is.
  package let kind: Kind

  /// What differs between the families that see with it.
  package struct Kind: Sendable, Equatable {
    /// The family, in messages.
    let title: String
    /// `model_type` of `vision_config`.
    let modelType: String
    /// The deep stack of a configuration that does not say; nil for a family without one.
    let deepstack: [Int]?
  }

  /// Most blocks of a deep stack, each of which makes as many rows as the encoder itself.
  static let deepstackLimit = 16

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

extension QwenVision {
  private typealias Key = ConfigurationReader.Key

  /// Reads `vision_config`; `textWidth` is the hidden size of the text model it feeds.
  package init(
    json: OrderedJSON, textWidth: Int, kind: Kind, file: String
  ) throws(CheckpointError) {
    let reader = ConfigurationReader(json: json, place: "vision_config", file: file)
    try self.init(shared: reader, kind)
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
    let stacked = Key("deepstack_visual_indexes", "")
    if let fallback = kind.deepstack {
      deepstack =
        try reader.integers(stacked, in: 0...(depth - 1), count: 0...Self.deepstackLimit) ?? fallback
      guard zip(deepstack, deepstack.dropFirst()).allSatisfy(<), deepstack.last ?? 0 < depth else {
        throw reader.broken(stacked, "\(deepstack) must be ascending numbers of the \(depth) blocks")
      }
    } else if let list = reader.value(stacked.huggingFace)?.arrayValue, !list.isEmpty {
      throw reader.broken(stacked, "is not empty; \(kind.title) has no deep stack", code: .unsupported)
    }
    if let activation = reader.text("hidden_act"), activation != "gelu_pytorch_tanh" {
      throw reader.broken(
        Key("hidden_act", ""), "is \(shortened(activation)); \(kind.title) uses gelu_pytorch_tanh", code: .unsupported)
    }
  }

  /// Reads the metadata of an `mmproj` GGUF.
  package init(mmproj metadata: Metadata, kind: Kind, file: String) throws(CheckpointError) {
    try ProjectorMatch.checkType("qwen3vl_merger", of: metadata, file: file)
    let reader = ConfigurationReader(metadata: metadata, prefix: "clip.vision", file: file)
    try self.init(shared: reader, kind)
    epsilon = Float(try reader.positive(Key("", "attention.layer_norm_epsilon"), upTo: 1, fallback: 1e-6))
    temporalPatchSize = 2
    let image = Key("", "image_size")
    let side = try reader.integer(image, in: 1...(1 << 20))
    guard side % patchSize == 0, side / patchSize <= 4096 else {
      throw reader.broken(image, "(\(side)) must be a multiple of the patch size (\(patchSize)), at most 4096 of them")
    }
    positions = (side / patchSize) * (side / patchSize)
    outHiddenSize = try reader.integer(Key("", "projection_dim"), in: 1...DecoderConfiguration.widthLimit)
    let stacked = Key("", "is_deepstack_layers")
    guard reader.has(stacked) else { return }
    let flags = reader.flags(stacked) ?? []
    guard flags.contains(true) else { return }
    guard kind.deepstack != nil else {
      throw CheckpointError(
        .mismatch,
        "clip.vision.is_deepstack_layers is not all false; \(kind.title) has no deep stack: this projector belongs "
          + "to another model", file: file)
    }
    deepstack = flags.indices.filter { flags[$0] }
    guard flags.count == depth, deepstack.count <= Self.deepstackLimit else {
      throw reader.broken(
        stacked, "must be a list of \(depth) truth values, of which at most \(Self.deepstackLimit) are true")
    }
  }

  /// Refuses a projector of another structure than the text model's own configuration describes.
  ///
  /// A folder, and a text GGUF that carries its config.json, say what they were made to see with.
  func check(against text: Checkpoint, projector: Checkpoint) throws(CheckpointError) {
    let carried = ProjectorMatch.configuration(in: text.metadata)
    guard let section = (text.folder?.config ?? carried)?["vision_config"], section.objectValue != nil,
      let own = try? Self(json: section, textWidth: outHiddenSize, kind: kind, file: text.path)
    else { return }
    guard deepstack == own.deepstack else {
      throw CheckpointError(
        .mismatch,
        "clip.vision.is_deepstack_layers names the blocks \(deepstack) and the model was made for \(own.deepstack): this "
          + "projector belongs to another model", file: projector.path)
    }
    try ProjectorMatch.check(
      [
        ("block_count", depth, own.depth), ("embedding_length", hiddenSize, own.hiddenSize),
        ("feed_forward_length", intermediateSize, own.intermediateSize),
        ("attention.head_count", heads, own.heads), ("patch_size", patchSize, own.patchSize),
        ("spatial_merge_size", mergeSize, own.mergeSize),
      ], projector)
  }

  private init(shared reader: ConfigurationReader, _ kind: Kind) throws(CheckpointError) {
    self.kind = kind
    deepstack = []
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
