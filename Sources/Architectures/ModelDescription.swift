import Containers
import Images
import Base

/// A model family; a type that answers what the three protocols ask and leaves to their defaults what is as everywhere.
package protocol Architecture: ModelDescription, Runnable, Conversation {}

/// What a family is on disk: its configuration, and how its tensors and metadata are written in each container.
package protocol ModelDescription: Sendable {
  /// Values of `model_type` in `config.json`: of the nested form first, then of the flat one of a text model.
  static var modelTypes: [String] { get }
  /// The class of transformers that `architectures` of the flat form names.
  static var textClass: String { get }
  /// Whether the embedding table serves as the head where `config.json` does not say.
  static var tiesByDefault: Bool { get }
  /// Whether configurations say of an MTP block that there is one; of others the tensors alone tell.
  static var announcesMTP: Bool { get }
  /// Prefixes under which savers have put parts that belong elsewhere, and the right ones.
  static var misplacedPrefixes: [(wrong: String, right: String)] { get }
  /// Schemes by which published checkpoints are packed and that `prepare` takes apart, as messages call them.
  static var unpacks: Set<String> { get }
  /// A Hugging Face checkpoint with the tensors that the family publishes, where another program lays them out otherwise.
  static func prepare(_ checkpoint: Checkpoint) throws(CheckpointError) -> Checkpoint
  /// The value of `general.architecture`.
  static var ggufName: String { get }
  /// The value of `tokenizer.ggml.pre` for the pattern by which its published tokenizers cut text.
  static var splitName: String { get }

  /// The names of published checkpoints, with every part that the family has.
  static var published: PartNames { get }

  /// Whether a Hugging Face name is that of the head.
  static func isHead(_ name: String) -> Bool

  /// Reads and checks the configuration of a checkpoint.
  init(checkpoint: Checkpoint) throws(CheckpointError)

  /// What every decoder has.
  var decoder: DecoderConfiguration { get set }
  /// Where the parts lie in the Hugging Face checkpoint; the published prefixes when the source is GGUF.
  var names: PartNames { get set }
  /// How the Hugging Face checkpoint stores its tensors.
  var dialect: Dialect { get }
  /// The rule of every tensor, in the order of the GGUF file.
  var rules: [TensorRule] { get }
  /// What to tell about how the checkpoint was understood, one sentence each.
  var notes: [String] { get set }
  /// Rows of the embedding table, to which the vocabulary is padded.
  var vocabularySize: Int { get }
  /// Decoder layers including the MTP block, which the published mixes count in.
  var blockCount: Int { get }

  /// The parts that the model has.
  var parts: Set<TensorRule.Part> { get }
  /// The same model without one of its parts.
  func without(_ part: TensorRule.Part) -> Self
  /// The same model with the vision encoder of a projector file instead of one of its own.
  ///
  /// - Throws: `mismatch` for a projector of another model than `text`, `unsupported` where the family reads no pictures.
  func seeing(through projector: Checkpoint, besides text: Checkpoint) throws(CheckpointError) -> Self
  /// The part a Hugging Face name belongs to, by its prefix.
  func part(of name: String) -> TensorRule.Part
  /// Metadata of a text GGUF with what it says of its blocks as this model has them, and the keys that were wrong.
  func corrected(_ metadata: Metadata) -> (metadata: Metadata, changed: [String])
  /// Why a tensor without a rule may be left out; nil when it may not.
  func reasonToIgnore(_ name: String) -> String?
  /// The GGUF metadata of the text model, from the size label up to the tokenizer's keys.
  func textMetadata(_ description: FileDescription) -> Metadata
  /// The GGUF metadata of the `mmproj`; nil without a vision encoder.
  func visionMetadata(_ description: FileDescription, folder: HuggingFaceFolder?) throws(CheckpointError) -> Metadata?
  /// A `config.json` for this configuration, for a GGUF that does not carry the original.
  ///
  /// - Throws: `unsupported` for what no `config.json` can say.
  func configurationJSON() throws(CheckpointError) -> OrderedJSON
  /// What a GGUF of it cannot say to other programs, and what they do instead, one sentence each.
  var untoldByGGUF: [String] { get }
  /// A carried `config.json` with what it says of parts as this model has them, and what was changed, one sentence each.
  func corrected(configuration: OrderedJSON) throws(CheckpointError) -> (json: OrderedJSON, changes: [String])
  /// How pictures are prepared, as a projector's metadata say it, not yet checked; nil without a vision encoder.
  func preprocessing(_ projector: Metadata) -> Preprocessing?
  /// A `preprocessor_config.json`; nil without a vision encoder.
  func preprocessorJSON(mmproj: Metadata) -> OrderedJSON?
}

extension ModelDescription {
  package static var tiesByDefault: Bool { false }
  package static var announcesMTP: Bool { true }
  package static var misplacedPrefixes: [(wrong: String, right: String)] { [] }
  package static var published: PartNames { PartNames() }
  package static var unpacks: Set<String> { [] }

  package static func prepare(_ checkpoint: Checkpoint) throws(CheckpointError) -> Checkpoint { checkpoint }

  package var untoldByGGUF: [String] { [] }

  package static func isHead(_ name: String) -> Bool { name.hasSuffix("lm_head.weight") }

  package var dialect: Dialect { .huggingFace }
  package var vocabularySize: Int { decoder.vocabularySize }
  package var blockCount: Int { decoder.layerCount + decoder.mtpLayers }
  package var parts: Set<TensorRule.Part> { names.parts }

  package func part(of name: String) -> TensorRule.Part { names.part(of: name) }

  package func without(_ part: TensorRule.Part) -> Self {
    var copy = self
    switch part {
    case .text: break
    case .mtp: (copy.decoder.mtpLayers, copy.names.mtp) = (0, nil)
    case .vision: (copy.names.vision, copy.names.projector) = (nil, nil)
    }
    return copy
  }

  /// Decides between flags and tensors of an opened checkpoint, and notes what is worth telling of it.
  ///
  /// Called at the end of `init(checkpoint:)`.
  /// - Throws: `missing` for a head that is neither there nor tied, and what reading throws.
  package mutating func settle(_ checkpoint: Checkpoint, _ source: DecoderSource) throws(CheckpointError) {
    let announced: Int?
    if let config = source.config {
      let tying = try HeadTying(
        HeadTying.flag(config, fallback: Self.tiesByDefault, file: source.file), table: checkpoint[names.tableName],
        head: checkpoint[names.headName], file: source.file)
      decoder.tied = tying.isTied
      names.headIsTable = tying.headIsTable
      notes += tying.notes
      let said = (config["text_config"] ?? config)["mtp_num_hidden_layers"]?.intValue
      announced = Self.announcesMTP ? said : said ?? decoder.mtpLayers
    } else {
      if decoder.mtpLayers == 0 { names.mtp = nil }
      announced = checkpoint.metadata.int(Self.ggufName + ".nextn_predict_layers").map { Int(clamping: $0) }
    }
    notes += checkpoint.notes
    if dialect == .mlx {
      notes.append("the checkpoint is in MLX's dialect: its norms are already factors and are not shifted again")
    }
    switch (announced ?? 0 > 0, decoder.mtpLayers > 0) {
    case (true, false):
      notes.append("the configuration announces an MTP block, but there are no tensors for it: it is left out")
    case (false, true):
      notes.append("the configuration announces no MTP block, but its tensors are there: it is kept")
    default: break
    }
    if !parts.contains(.vision), source.config?["vision_config"]?.objectValue != nil {
      notes.append("config.json describes a vision encoder, but there are no tensors for it: it is left out")
    }
  }

  package func corrected(_ metadata: Metadata) -> (metadata: Metadata, changed: [String]) {
    let own = textMetadata(FileDescription(name: "", sizeLabel: "", fileType: nil))
    let prefix = Self.ggufName + "."
    var (copy, changed) = (metadata, [String]())
    for key in ["block_count", "nextn_predict_layers"].map({ prefix + $0 })
    where metadata.uint(key) ?? 0 != own.uint(key) ?? 0 {
      copy[key] = own[key]
      changed.append(key)
    }
    // llama.cpp wants exactly one flag a block; the MTP block is attention.
    let key = prefix + "attention.recurrent_layers"
    if let flags = metadata.bools(key), let right = own.bools(key), flags != right {
      copy[key] = own[key]
      changed.append(key)
    }
    return (copy, changed)
  }

  /// Tied heads stored twice, and buffers that the configuration already says.
  package func reasonToIgnore(_ name: String) -> String? {
    if name.hasSuffix(".rotary_emb.inv_freq") || name.hasSuffix(".rotary_pos_emb.inv_freq") {
      return "rotary frequencies follow from rope_theta"
    }
    if decoder.tied, !names.headIsTable, name == names.headName {
      return "the head equals the embedding table, to which it is tied"
    }
    return nil
  }

  package func corrected(
    configuration json: OrderedJSON
  ) throws(CheckpointError) -> (json: OrderedJSON, changes: [String]) {
    try correctedParts(configuration: json)
  }

  /// A carried `config.json` with what it says of the MTP block and the vision encoder as this model has them.
  ///
  /// Without an encoder it becomes the text model's: of a missing `vision_config` transformers would make one of its own
  /// defaults, and of one without tensors one of random weights. The text model finds its tensors under their
  /// published names.
  func correctedParts(
    configuration json: OrderedJSON
  ) throws(CheckpointError) -> (json: OrderedJSON, changes: [String]) {
    guard var outer = json.objectValue else {
      return (try configurationJSON(), ["the config.json that the file carries is not an object: it is made anew"])
    }
    var changes: [String] = []
    let nested = outer["text_config"]?.objectValue
    var text = nested ?? outer
    let said = text["mtp_num_hidden_layers"]
    if Self.announcesMTP || said != nil, said?.intValue ?? 0 != decoder.mtpLayers {
      text["mtp_num_hidden_layers"] = .integer(Int64(decoder.mtpLayers))
      changes.append("config.json: mtp_num_hidden_layers is \(decoder.mtpLayers), as the tensors say")
    }
    let isTextOnly = nested != nil && !parts.contains(.vision) && outer["vision_config"]?.objectValue != nil
    let flag = try? HeadTying.flag(json, fallback: Self.tiesByDefault, file: "config.json")
    if flag?.isTied != decoder.tied || isTextOnly && flag?.other ?? decoder.tied != decoder.tied {
      text["tie_word_embeddings"] = .bool(decoder.tied)
      outer["tie_word_embeddings"] = .bool(decoder.tied)
      changes.append("config.json: tie_word_embeddings is \(decoder.tied), as the tensors say")
    }
    guard nested != nil else { return (.object(text), changes) }
    if isTextOnly {
      changes.append(
        "config.json: that of the text model alone (\(Self.modelTypes.last ?? "")), since no vision encoder was named")
      return (Self.flat(text, beside: outer), changes)
    }
    outer["text_config"] = .object(text)
    return (.object(outer), changes)
  }

  /// The flat configuration of a text model, from the two parts of a nested one.
  package static func flat(_ text: OrderedObject, beside outer: OrderedObject) -> OrderedJSON {
    var flat: OrderedObject = ["architectures": .array([.string(textClass)])]
    for (key, value) in text.entries where key != "architectures" { flat[key] = value }
    flat["model_type"] = modelTypes.last.map { .string($0) }
    for key in ["dtype", "torch_dtype", "tie_word_embeddings", "transformers_version"] where flat[key] == nil {
      if let value = outer[key] { flat[key] = value }
    }
    return .object(flat)
  }

  package func seeing(through projector: Checkpoint, besides text: Checkpoint) throws(CheckpointError) -> Self {
    throw CheckpointError(
      .unsupported, "models of the family \(Self.ggufName) read no pictures", file: projector.path)
  }

  package func visionMetadata(
    _ description: FileDescription, folder: HuggingFaceFolder?
  ) throws(CheckpointError) -> Metadata? { nil }

  package func preprocessing(_ projector: Metadata) -> Preprocessing? { nil }

  package func preprocessorJSON(mmproj: Metadata) -> OrderedJSON? { nil }
}

/// What a GGUF file says about itself besides the model's configuration.
package struct FileDescription: Sendable {
  /// `general.name`.
  package var name: String
  /// `general.size_label`, such as `0.8B`.
  package var sizeLabel: String
  /// `general.file_type`; nil where no number fits.
  package var fileType: UInt32?
  /// Other general keys, such as the recommended sampling.
  package var extra: [(key: String, value: MetadataValue)]

  package init(
    name: String, sizeLabel: String, fileType: UInt32?, extra: [(key: String, value: MetadataValue)] = []
  ) {
    self.name = name
    self.sizeLabel = sizeLabel
    self.fileType = fileType
    self.extra = extra
  }
}
