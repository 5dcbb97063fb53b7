import Base
import Containers
import Images

extension Gemma3 {
  /// Each picture stands in a paragraph of its own; prompts and chat templates write only where it begins.
  package static let picture: PictureMarkup? = PictureMarkup(
    before: "\n\n<start_of_image>", token: "<image_soft_token>", after: "<end_of_image>\n\n",
    placeholder: "<start_of_image>", spansGrid: false)

  package func seeing(through projector: Checkpoint, besides text: Checkpoint) throws(CheckpointError) -> Gemma3 {
    let encoder = try Vision(mmproj: projector.metadata, file: projector.path)
    try ProjectorMatch.checkWidth(encoder.outHiddenSize, of: Self.ggufName, decoder.hiddenSize, projector)
    if let config = text.folder?.config ?? ProjectorMatch.configuration(in: text.metadata),
      let own = try? Vision(json: config, textWidth: encoder.outHiddenSize, file: text.path)
    {
      try ProjectorMatch.check(
        [
          ("block_count", encoder.depth, own.depth), ("embedding_length", encoder.hiddenSize, own.hiddenSize),
          ("feed_forward_length", encoder.intermediateSize, own.intermediateSize),
          ("attention.head_count", encoder.heads, own.heads), ("patch_size", encoder.patchSize, own.patchSize),
          ("image_size", encoder.imageSize, own.imageSize), ("projector.scale_factor", encoder.poolSize, own.poolSize),
        ], projector)
    }
    var copy = self
    copy.configuration.vision = encoder
    (copy.names.vision, copy.names.projector) = (Self.published.vision, Self.published.projector)
    return copy
  }

  /// The metadata of the `mmproj` GGUF; nil without a vision encoder.
  package func visionMetadata(
    _ description: FileDescription, folder: HuggingFaceFolder?
  ) throws(CheckpointError) -> Metadata? {
    guard let v = configuration.vision, parts.contains(.vision) else { return nil }
    var writer = try MetadataWriter(
      projector: "gemma3",
      .init(
        outputWidth: v.outHiddenSize, imageSize: v.imageSize, patchSize: v.patchSize, hiddenSize: v.hiddenSize,
        intermediateSize: v.intermediateSize, depth: v.depth, heads: v.heads), description, folder)
    writer.put("attention.layer_norm_epsilon", .float32(v.epsilon))
    writer.outside("clip.use_gelu", .bool(true))
    if v.poolSize != Vision.usualPool { writer.count("projector.scale_factor", v.poolSize) }
    return writer.metadata
  }

  package func preprocessing(_ projector: Metadata) -> Preprocessing? {
    guard let v = configuration.vision else { return nil }
    var result = Preprocessing()
    (result.patchSize, result.temporalPatchSize, result.mergeSize) = (v.patchSize, 1, v.poolSize)
    (result.side, result.filter) = (v.imageSize, .bilinear)
    result.readChannels(projector)
    return result
  }

  package func preprocessorJSON(mmproj: Metadata) -> OrderedJSON? {
    preprocessing(mmproj)?.json(processor: "Gemma3Processor", images: "Gemma3ImageProcessor")
  }
}
