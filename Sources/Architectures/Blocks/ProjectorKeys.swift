import Base
import Containers
import Images

// What the metadata of every projector (`mmproj`) say.

extension Preprocessing {
  /// Three numbers of `preprocessor_config.json`, one a colour.
  static func channels(_ key: String, of folder: HuggingFaceFolder?) throws(CheckpointError) -> [Float] {
    guard let values = folder?.preprocessorConfig?[key] else { return [0.5, 0.5, 0.5] }
    let numbers = values.arrayValue?.compactMap(\.doubleValue).filter { $0.isFinite && abs($0) <= 1e6 } ?? []
    guard numbers.count == 3 else {
      throw CheckpointError(
        .malformed, "\(key) must be a list of three numbers", file: "\(folder?.path ?? "")/preprocessor_config.json")
    }
    return numbers.map { Float($0) }
  }

  /// Takes mean and deviation from the metadata of a projector, where they are there.
  mutating func readChannels(_ projector: Metadata) {
    if let mean = projector.floats("clip.vision.image_mean") { self.mean = mean.map { Float($0) } }
    if let deviation = projector.floats("clip.vision.image_std") { self.deviation = deviation.map { Float($0) } }
  }
}

extension MetadataWriter {
  /// Sizes of a vision encoder.
  struct EncoderSizes {
    /// Width of what it hands to the text model.
    let outputWidth: Int
    /// Side in pixels of the square that its position table covers.
    let imageSize: Int
    let patchSize: Int
    let hiddenSize: Int
    let intermediateSize: Int
    let depth: Int
    let heads: Int
  }

  /// Begins the metadata of a projector of a type with the keys that every one has; those of its family follow.
  ///
  /// Mean and deviation of the pixels come from `preprocessor_config.json`, one half each when it has none.
  init(
    projector type: String, _ sizes: EncoderSizes, _ description: FileDescription, _ folder: HuggingFaceFolder?
  ) throws(CheckpointError) {
    self.init(ProjectorFile.architecture, type: "mmproj", prefix: "clip.vision", description)
    fileType(description)
    outside("clip.has_vision_encoder", .bool(true))
    count("projection_dim", sizes.outputWidth)
    count("image_size", sizes.imageSize)
    count("patch_size", sizes.patchSize)
    count("embedding_length", sizes.hiddenSize)
    count("feed_forward_length", sizes.intermediateSize)
    count("block_count", sizes.depth)
    count("attention.head_count", sizes.heads)
    put("image_mean", .list(try Preprocessing.channels("image_mean", of: folder)))
    put("image_std", .list(try Preprocessing.channels("image_std", of: folder)))
    outside("clip.projector_type", .string(type))
  }
}
