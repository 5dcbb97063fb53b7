import Containers
import Base

/// The metadata of a GGUF as it is put together, in the order in which llama.cpp's converter writes it.
struct MetadataWriter {
  private var entries: [(key: String, value: MetadataValue)]
  private let prefix: String

  /// Begins with the general keys; the others stand under `prefix`.
  init(_ architecture: String, type: String, prefix: String, _ description: FileDescription) {
    entries =
      [
        ("general.architecture", .string(architecture)), ("general.type", .string(type)),
        ("general.name", .string(description.name)), ("general.size_label", .string(description.sizeLabel)),
      ] + description.extra
    self.prefix = prefix + "."
  }

  /// Begins the metadata of a text model with the keys that every decoder has; those of its family follow.
  ///
  /// Without `headWidth`, for families whose configuration does not name the width of a head, GGUF gets it only where it does not follow from
  /// the others.
  init(
    _ architecture: String, _ c: DecoderConfiguration, _ description: FileDescription, headWidth: Bool = true,
    experts: ExpertConfiguration? = nil
  ) {
    self.init(architecture, type: "model", prefix: architecture, description)
    count("block_count", c.layerCount + c.mtpLayers)
    count("context_length", c.contextLength)
    count("embedding_length", c.hiddenSize)
    if c.intermediateSize > 0 { count("feed_forward_length", c.intermediateSize) }
    count("attention.head_count", c.headCount)
    count("attention.head_count_kv", c.keyValueHeadCount)
    // Always four numbers: the loader asks for a place for the unused fourth section.
    if !c.mropeSection.isEmpty {
      put("rope.dimension_sections", .list(c.mropeSection.map { Int32(clamping: $0) } + [0]))
    }
    scaling(c.ropeScaling)
    put("rope.freq_base", .float32(Float(c.ropeTheta)))
    put("attention.layer_norm_rms_epsilon", .float32(c.rmsEpsilon))
    if let experts {
      count("expert_count", experts.count)
      count("expert_used_count", experts.used)
    }
    if headWidth || c.headDimension != c.hiddenSize / c.headCount {
      count("attention.key_length", c.headDimension)
      count("attention.value_length", c.headDimension)
    }
    fileType(description)
    if let experts {
      count("expert_feed_forward_length", experts.width)
      if let width = experts.sharedWidth { count("expert_shared_feed_forward_length", width) }
    }
    if c.mtpLayers > 0 { count("nextn_predict_layers", c.mtpLayers) }
  }

  mutating func put(_ key: String, _ value: MetadataValue) { entries.append((prefix + key, value)) }

  mutating func count(_ key: String, _ value: Int) { put(key, .uint32(UInt32(clamping: value))) }

  mutating func fileType(_ description: FileDescription) {
    if let type = description.fileType { entries.append(("general.file_type", .uint32(type))) }
  }

  /// A key that does not stand under the prefix.
  mutating func outside(_ key: String, _ value: MetadataValue) { entries.append((key, value)) }

  /// All of it.
  var metadata: Metadata { Metadata(entries + [("general.quantization_version", .uint32(2))]) }
}
