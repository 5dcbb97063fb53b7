import Containers
import Base

extension Qwen35 {
  /// The metadata of the text GGUF, in the order llama.cpp's converter writes it; the tokenizer's keys follow it.
  package func textMetadata(_ description: FileDescription) -> Metadata {
    let c = configuration
    var entries = general("qwen35", "model", description)
    func count(_ key: String, _ value: Int) { entries.append(("qwen35." + key, .uint32(UInt32(clamping: value)))) }
    func real(_ key: String, _ value: Double) { entries.append(("qwen35." + key, .float32(Float(value)))) }
    count("block_count", blockCount)
    count("context_length", c.contextLength)
    count("embedding_length", c.hiddenSize)
    count("feed_forward_length", c.intermediateSize)
    count("attention.head_count", c.headCount)
    count("attention.head_count_kv", c.keyValueHeadCount)
    // Always four numbers: the loader asks for a place for the unused fourth section.
    entries.append(
      ("qwen35.rope.dimension_sections", .list(c.mropeSection.map { Int32(clamping: $0) } + [0])))
    real("rope.freq_base", c.ropeTheta)
    real("attention.layer_norm_rms_epsilon", Double(c.rmsEpsilon))
    count("attention.key_length", c.headDimension)
    count("attention.value_length", c.headDimension)
    if let fileType = description.fileType { entries.append(("general.file_type", .uint32(fileType))) }
    if c.mtpLayers > 0 { count("nextn_predict_layers", c.mtpLayers) }
    count("ssm.conv_kernel", c.convolutionKernel)
    count("ssm.state_size", c.linearKeyHeadDimension)
    count("ssm.group_count", c.linearKeyHeads)
    count("ssm.time_step_rank", c.linearValueHeads)
    count("ssm.inner_size", c.linearValueWidth)
    let recurrent = c.layerIsFull.map { !$0 } + [Bool](repeating: false, count: c.mtpLayers)
    entries.append(("qwen35.attention.recurrent_layers", .list(recurrent)))
    count("full_attention_interval", c.fullAttentionInterval)
    count("rope.dimension_count", c.rotaryDimension)
    entries.append(("general.quantization_version", .uint32(2)))
    return Metadata(entries)
  }

  /// The metadata of the `mmproj` GGUF; nil without a vision encoder.
  ///
  /// Mean and deviation of the pixels come from `preprocessor_config.json`, one half each when it has none.
  package func visionMetadata(
    _ description: FileDescription, folder: HuggingFaceFolder?
  ) throws(CheckpointError) -> Metadata? {
    guard let v = configuration.vision else { return nil }
    var entries = general("clip", "mmproj", description)
    func count(_ key: String, _ value: Int) {
      entries.append(("clip.vision." + key, .uint32(UInt32(clamping: value))))
    }
    if let fileType = description.fileType { entries.append(("general.file_type", .uint32(fileType))) }
    entries.append(("clip.has_vision_encoder", .bool(true)))
    count("projection_dim", v.outHiddenSize)
    count("image_size", v.positionSide * v.patchSize)
    count("patch_size", v.patchSize)
    count("embedding_length", v.hiddenSize)
    count("feed_forward_length", v.intermediateSize)
    count("block_count", v.depth)
    count("attention.head_count", v.heads)
    entries.append(("clip.vision.image_mean", .list(try pixels("image_mean", folder))))
    entries.append(("clip.vision.image_std", .list(try pixels("image_std", folder))))
    entries.append(("clip.projector_type", .string("qwen3vl_merger")))
    entries.append(("clip.use_gelu", .bool(true)))
    count("spatial_merge_size", v.mergeSize)
    // llama.cpp's converter takes the text model's epsilon here; both are 1e-6 in every published model.
    entries.append(("clip.vision.attention.layer_norm_epsilon", .float32(configuration.rmsEpsilon)))
    entries.append(("clip.vision.is_deepstack_layers", .list([Bool](repeating: false, count: v.depth))))
    // Limits other than the published ones travel under llama.cpp's names for them; it does not read them for this family.
    for (key, edge, published) in Qwen35.pixelLimits {
      let value = folder?.preprocessorConfig?["size"]?[edge]?.intValue
      if let value, value != published, let limit = UInt32(exactly: value) {
        entries.append(("clip.vision." + key, .uint32(limit)))
      }
    }
    entries.append(("general.quantization_version", .uint32(2)))
    return Metadata(entries)
  }

  /// Limits of a resized picture's pixels: key in GGUF, name in `preprocessor_config.json`, published value.
  static let pixelLimits: [(key: String, edge: String, published: Int)] = [
    ("image_min_pixels", "shortest_edge", 65_536), ("image_max_pixels", "longest_edge", 16_777_216),
  ]

  private func general(
    _ architecture: String, _ type: String, _ description: FileDescription
  ) -> [(key: String, value: MetadataValue)] {
    [
      ("general.architecture", .string(architecture)), ("general.type", .string(type)),
      ("general.name", .string(description.name)), ("general.size_label", .string(description.sizeLabel)),
    ] + description.extra
  }

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
}
