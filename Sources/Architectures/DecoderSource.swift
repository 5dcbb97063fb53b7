import Containers
import Base

/// Where a decoder's configuration is read: a `config.json`, nested or flat, or the metadata of a text GGUF, and the tensors beside it.
package struct DecoderSource: Sendable {
  package typealias Key = ConfigurationReader.Key

  /// The fields of the text model.
  package let text: ConfigurationReader
  /// Those of its rotary embedding, which newer files keep in an object of their own.
  package let rope: ConfigurationReader
  /// The whole `config.json`; nil for a GGUF.
  package let config: OrderedJSON?
  /// Where the parts of the model lie.
  package let names: PartNames
  let metadata: Metadata
  /// The shapes of the tensors of a GGUF.
  let shapes: [BinaryString: Shape]
  let file: String

  package var isGGUF: Bool { config == nil }

  /// The source that a checkpoint of a family is.
  package init(_ checkpoint: Checkpoint, of family: (some ModelDescription).Type) throws(CheckpointError) {
    if checkpoint.format == .gguf {
      let shapes = Dictionary(
        checkpoint.tensors.map { (BinaryString($0.name), $0.shape) }, uniquingKeysWith: { first, _ in first })
      self.init(metadata: checkpoint.metadata, tensors: shapes, file: checkpoint.path, of: family)
      return
    }
    guard let config = checkpoint.folder?.config else {
      throw CheckpointError(.missing, "config.json is missing beside the tensors", file: checkpoint.path)
    }
    try self.init(
      json: config, tensors: Set(checkpoint.tensors.map { BinaryString($0.name) }),
      file: "\(checkpoint.folder?.path ?? checkpoint.path)/config.json", of: family)
  }

  /// The `config.json` of a folder; which tensors exist decides about the parts.
  package init(
    json config: OrderedJSON, tensors: Set<BinaryString>, file: String, of family: (some ModelDescription).Type
  ) throws(CheckpointError) {
    let nested = config["text_config"]
    if let nested, nested.objectValue == nil {
      throw CheckpointError(.malformed, "text_config must be an object", file: file)
    }
    let fields = nested ?? config
    let place = nested == nil ? "" : "text_config"
    text = ConfigurationReader(json: fields, place: place, file: file)
    // Older files keep the rotary fields beside the others.
    let ropeKey = ["rope_parameters", "rope_scaling"].first { fields[$0]?.objectValue != nil }
    rope = ConfigurationReader(
      json: ropeKey.map { Self.merged(fields[$0], over: fields) } ?? fields,
      place: [place, ropeKey ?? ""].filter { !$0.isEmpty }.joined(separator: "."), file: file)
    self.config = config
    self.file = file
    names = PartNames(tensors: tensors, published: family.published)
    (metadata, shapes) = (Metadata(), [:])
  }

  /// The metadata of a text GGUF; every tensor's shape decides what they leave open.
  package init(
    metadata: Metadata, tensors: [BinaryString: Shape], file: String, of family: (some ModelDescription).Type
  ) {
    text = ConfigurationReader(metadata: metadata, prefix: family.ggufName, file: file)
    rope = text
    config = nil
    names = PartNames(text: family.published.text, mtp: family.published.mtp)
    self.metadata = metadata
    shapes = tensors
    self.file = file
  }

  /// The entries of `inner`, and the two rotary fields of `outer` that it lacks.
  private static func merged(_ inner: OrderedJSON?, over outer: OrderedJSON) -> OrderedJSON {
    guard var object = inner?.objectValue else { return outer }
    for key in ["rope_theta", "partial_rotary_factor"] where object[key] == nil {
      if let value = outer[key] { object[key] = value }
    }
    return .object(object)
  }

  /// Refuses a truth value that changes the maths.
  package func require(_ key: String, _ value: Bool, _ reason: String) throws(CheckpointError) {
    guard try text.bool(Key(key, ""), fallback: value) != value else { return }
    throw text.broken(Key(key, ""), "is \(!value); \(reason)", code: .unsupported)
  }

  /// A token of the outer level of `config.json`; nil where it names none.
  package func token(_ key: String, of vocabulary: Int) throws(CheckpointError) -> Int? {
    guard let config else { return nil }
    let outer = ConfigurationReader(json: config, place: "", file: file)
    return outer.has(Key(key, "")) ? try outer.integer(Key(key, ""), in: 0...(vocabulary - 1)) : nil
  }

  /// Refuses a rotary embedding that would be computed as if it were the family's.
  func refuseScaledRotary(_ reason: String) throws(CheckpointError) {
    guard let config else { return try refuseScaledMetadata(reason) }
    let fields = config["text_config"] ?? config
    for key in ["rope_parameters", "rope_scaling"] {
      guard let json = fields[key], !json.isNull else { continue }
      let place = text.written(Key(key, ""))
      guard json.objectValue != nil else {
        throw CheckpointError(.malformed, "\(place) must be an object", file: file)
      }
      let reader = ConfigurationReader(json: json, place: place, file: file)
      // `type` is the name of older files, and `mrope` what they call the default one with sections.
      for name in ["rope_type", "type"] where reader.has(Key(name, "")) {
        let written = reader.text(name)
        guard let kind = written, ["default", "mrope"].contains(kind) else {
          throw reader.broken(
            Key(name, ""), "is \(written.map { shortened($0) } ?? "not a text"); \(reason)", code: .unsupported)
        }
      }
      if try !reader.bool(Key("mrope_interleaved", ""), fallback: true) {
        throw reader.broken(
          Key("mrope_interleaved", ""), "is false; sections that are not interleaved are not known", code: .unsupported)
      }
    }
  }

  private func refuseScaledMetadata(_ reason: String) throws(CheckpointError) {
    let prefix = text.written(Key("", ""))
    for (key, value) in metadata.entries where key.hasPrefix(prefix + "rope.scal") {
      let name = String(key.dropFirst(prefix.count))
      let isHarmless =
        switch name {
        case "rope.scaling.type": metadata.string(key) == "none"
        // Zero is how a factor that was never set is written.
        case "rope.scaling.factor", "rope.scale_linear": [0, 1].contains(value.realNumber)
        case "rope.scaling.attn_factor": value.realNumber == 1
        case "rope.scaling.original_context_length", "rope.scaling.finetuned": true
        default: false
        }
      guard isHarmless else {
        throw rope.broken(Key("", name), "asks for a scaled rotary embedding; \(reason)", code: .unsupported)
      }
    }
  }

  /// The end-of-sequence token of the configuration; nil where it has none.
  func endOfSequence(_ vocabulary: Int) throws(CheckpointError) -> Int? {
    let key = Key("eos_token_id", "eos_token_id")
    let reader = isGGUF ? ConfigurationReader(metadata: metadata, prefix: "tokenizer.ggml", file: file) : text
    guard reader.has(key) else { return nil }
    if case .array(let list)? = reader.value(key.huggingFace) { return list.first?.intValue }
    return try reader.integer(key, in: 0...(vocabulary - 1))
  }

  /// Decoder layers of a GGUF, and the MTP block behind them.
  func blocks() throws(CheckpointError) -> (layers: Int, mtp: Int) {
    let key = Key("", "block_count")
    let blocks = try text.integer(key, in: 1...4096)
    let predicted = try text.integer(Key("", "nextn_predict_layers"), in: 0...(blocks - 1), fallback: 0)
    // The tensors have the last word: files exist that announce an MTP block they lack, and the reverse. One of these is enough.
    let found = (0...blocks).filter { block in
      ["eh_proj", "enorm", "hnorm", "shared_head_norm"].contains {
        shapes[BinaryString("blk.\(block).nextn.\($0).weight")] != nil
      }
    }
    guard let block = found.first else {
      guard blocks > predicted else { throw text.broken(key, "leaves no decoder layer beside the MTP block") }
      return (blocks - predicted, 0)
    }
    guard found.count == 1 else {
      throw CheckpointError(
        .unsupported, "\(found.count) MTP blocks (the first is blk.\(block)) are more than the one that is known",
        file: file)
    }
    guard block >= blocks - 1 else {
      throw text.broken(key, "(\(blocks)) counts layers behind the MTP block blk.\(block)", code: .unsupported)
    }
    guard block >= 1 else { throw text.broken(key, "leaves no decoder layer beside the MTP block") }
    return (block, 1)
  }
}
