import Containers
import Base

/// Qwen3.5: gated delta net and gated attention in turns, an MTP block, and a vision encoder that feeds it.
///
/// Source: the published `config.json` and transformers' `models/qwen3_5`; `formats/architectures/qwen35.md` has the rules.
package struct Qwen35: Architecture {
  package static let modelTypes = ["qwen3_5", "qwen3_5_text"]
  package static let ggufName = "qwen35"
  package static let splitName = "qwen35"
  package static let misplacedPrefixes = [
    (wrong: "model.language_model.visual.", right: "model.visual."),
    (wrong: "language_model.visual.", right: "visual."),
    (wrong: "model.language_model.lm_head.", right: "lm_head."), (wrong: "model.lm_head.", right: "lm_head."),
  ]

  package static func prepare(_ checkpoint: Checkpoint) throws(CheckpointError) -> Checkpoint { try apart(checkpoint) }

  package var configuration: Configuration
  /// Where the parts lie in the Hugging Face checkpoint; the published prefixes when the source is GGUF.
  package var names: Names
  package var dialect: Dialect
  package var notes: [String] = []

  package var rules: [TensorRule] { Qwen35.rules(configuration, names: names, dialect: dialect) }
  package var vocabularySize: Int { configuration.vocabularySize }
  package var blockCount: Int { configuration.layerCount + configuration.mtpLayers }

  package static let stopWords = [chat.endOfTurn, "<|endoftext|>"]
  package static let picture: PictureMarkup? = PictureMarkup(
    before: "<|vision_start|>", token: "<|image_pad|>", after: "<|vision_end|>")

  /// Reads a checkpoint of either container.
  package init(checkpoint: Checkpoint) throws(CheckpointError) {
    if checkpoint.format == .gguf {
      try self.init(gguf: checkpoint)
    } else {
      try self.init(huggingFace: checkpoint)
    }
  }

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
    copy.names.vision = Names().vision
    return copy
  }

  private init(huggingFace checkpoint: Checkpoint) throws(CheckpointError) {
    let file = "\(checkpoint.folder?.path ?? checkpoint.path)/config.json"
    guard let config = checkpoint.folder?.config else {
      throw CheckpointError(.missing, "config.json is missing beside the tensors", file: checkpoint.path)
    }
    let present = Set(checkpoint.tensors.map { BinaryString($0.name) })
    names = Names(tensors: present)
    configuration = try Configuration(json: config, tensors: present, file: file)
    let tying = try HeadTying(
      HeadTying.flag(config, file: file), table: checkpoint[names.tableName], head: checkpoint[names.headName],
      file: file)
    configuration.tied = tying.isTied
    names.headIsTable = tying.headIsTable
    notes += tying.notes
    dialect = try Self.dialect(of: checkpoint, names: names, configuration)
    notes += checkpoint.notes
    if dialect == .mlx {
      notes.append("the checkpoint is in MLX's dialect: its norms are already factors and are not shifted again")
    }
    noteMTP(announced: (config["text_config"] ?? config)["mtp_num_hidden_layers"]?.intValue ?? 0)
    if names.vision == nil, config["vision_config"]?.objectValue != nil {
      notes.append("config.json describes a vision encoder, but there are no tensors for it: it is left out")
    }
  }

  private init(gguf checkpoint: Checkpoint) throws(CheckpointError) {
    var shapes: [BinaryString: Shape] = [:]
    for tensor in checkpoint.tensors { shapes[BinaryString(tensor.name)] = tensor.shape }
    configuration = try Configuration(metadata: checkpoint.metadata, tensors: shapes, file: checkpoint.path)
    names = Names()
    dialect = .huggingFace
    notes += checkpoint.notes
    noteMTP(announced: checkpoint.metadata.int("qwen35.nextn_predict_layers").map { Int(clamping: $0) } ?? 0)
    if configuration.mtpLayers == 0 { names.mtp = nil }
    names.vision = nil
  }

  package func without(_ part: TensorRule.Part) -> Qwen35 {
    var copy = self
    switch part {
    case .text: break
    case .mtp: (copy.configuration.mtpLayers, copy.names.mtp) = (0, nil)
    case .vision: (copy.configuration.vision, copy.names.vision) = (nil, nil)
    }
    return copy
  }

  /// The part a Hugging Face name belongs to, by its prefix.
  package func part(of name: String) -> TensorRule.Part {
    if let prefix = names.mtp, name.hasPrefix(prefix) { return .mtp }
    if let prefix = names.vision, name.hasPrefix(prefix) { return .vision }
    return .text
  }

  /// Metadata of a text GGUF with what it says of its blocks as this model has them, and the keys that were wrong.
  package func corrected(_ metadata: Metadata) -> (metadata: Metadata, changed: [String]) {
    var copy = metadata
    var changed: [String] = []
    func put(_ key: String, _ value: MetadataValue?) {
      copy["qwen35." + key] = value
      changed.append("qwen35." + key)
    }
    let predicted = UInt64(configuration.mtpLayers)
    if metadata.uint("qwen35.block_count") != UInt64(blockCount) {
      put("block_count", .uint32(UInt32(clamping: blockCount)))
    }
    if metadata.uint("qwen35.nextn_predict_layers") ?? 0 != predicted {
      put("nextn_predict_layers", predicted == 0 ? nil : .uint32(UInt32(clamping: predicted)))
    }
    // llama.cpp wants exactly one flag a block; the MTP block is attention.
    let recurrent = configuration.layerIsFull.map { !$0 } + [Bool](repeating: false, count: configuration.mtpLayers)
    if let flags = metadata.bools("qwen35.attention.recurrent_layers"), flags != recurrent {
      put("attention.recurrent_layers", .list(recurrent))
    }
    return (copy, changed)
  }

  /// Tied heads stored twice, and buffers that the configuration already says.
  package func reasonToIgnore(_ name: String) -> String? {
    if name.hasSuffix(".rotary_emb.inv_freq") || name.hasSuffix(".rotary_pos_emb.inv_freq") {
      return "rotary frequencies follow from rope_theta"
    }
    if configuration.tied, !names.headIsTable, name == names.headName {
      return "the head equals the embedding table, to which it is tied"
    }
    return nil
  }

  private mutating func noteMTP(announced: Int) {
    switch (announced > 0, configuration.mtpLayers > 0) {
    case (true, false):
      notes.append("the configuration announces an MTP block, but there are no tensors for it: it is left out")
    case (false, true):
      notes.append("the configuration announces no MTP block, but its tensors are there: it is kept")
    default: break
    }
  }

  /// Tells the dialects apart by the layout of the first convolution; how the norms are stored follows from it.
  private static func dialect(
    of checkpoint: Checkpoint, names: Names, _ c: Configuration
  ) throws(CheckpointError) -> Dialect {
    guard let layer = c.layerIsFull.firstIndex(of: false) else { return .huggingFace }
    let name = names.text + "layers.\(layer).linear_attn.conv1d.weight"
    guard let shape = checkpoint[name]?.shape.dimensions else { return .huggingFace }
    switch shape {
    case [c.convolutionChannels, 1, c.convolutionKernel]: return .huggingFace
    case [c.convolutionChannels, c.convolutionKernel, 1]: return .mlx
    default:
      throw CheckpointError(
        .mismatch,
        "the convolution is \(shape); the configuration asks for [\(c.convolutionChannels), 1, \(c.convolutionKernel)]",
        file: checkpoint.path, tensor: name)
    }
  }
}
