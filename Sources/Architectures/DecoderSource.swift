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
  /// The fields of the text model in the `config.json` that a GGUF carries, which say what its own keys cannot; nil without one.
  package let carried: ConfigurationReader?
  /// Those of its rotary embedding.
  let carriedRope: ConfigurationReader?
  let metadata: Metadata
  private let checkpoint: Checkpoint?
  /// The shapes of the tensors of a GGUF.
  let shapes: [BinaryString: Shape]
  let file: String

  /// Whether the embedding table serves as the head where `config.json` does not say.
  let tiesByDefault: Bool

  package var isGGUF: Bool { config == nil }

  /// The source that a checkpoint of a family is.
  package init(_ checkpoint: Checkpoint, of family: (some ModelDescription).Type) throws(CheckpointError) {
    if checkpoint.format == .gguf {
      let shapes = Dictionary(
        checkpoint.tensors.map { (BinaryString($0.name), $0.shape) }, uniquingKeysWith: { first, _ in first })
      self.init(metadata: checkpoint.metadata, tensors: shapes, file: checkpoint.path, of: family, in: checkpoint)
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
    for key in ["rope_parameters", "rope_scaling"] {
      guard let value = fields[key], !value.isNull, value.objectValue == nil else { continue }
      throw text.broken(Key(key, ""), "must be an object")
    }
    rope = Self.rope(in: fields, place, file: file)
    self.config = config
    self.file = file
    names = PartNames(tensors: tensors, published: family.published)
    (metadata, shapes, checkpoint) = (Metadata(), [:], nil)
    (carried, carriedRope) = (nil, nil)
    tiesByDefault = family.tiesByDefault
  }

  /// The metadata of a text GGUF; every tensor's shape decides what they leave open.
  package init(
    metadata: Metadata, tensors: [BinaryString: Shape], file: String, of family: (some ModelDescription).Type,
    in checkpoint: Checkpoint? = nil
  ) {
    text = ConfigurationReader(metadata: metadata, prefix: family.ggufName, file: file)
    rope = text
    config = nil
    names = PartNames(text: family.published.text, mtp: family.published.mtp)
    self.metadata = metadata
    shapes = tensors
    self.file = file
    self.checkpoint = checkpoint
    tiesByDefault = family.tiesByDefault
    // What is not lawful JSON says nothing here; whoever writes it into a folder again finds out.
    let config = ProjectorMatch.configuration(in: metadata)
    let fields = config.map { $0["text_config"] ?? $0 }
    carried = fields.map { ConfigurationReader(json: $0, place: ProjectorMatch.configurationKey, file: file) }
    carriedRope = fields.map { Self.rope(in: $0, ProjectorMatch.configurationKey, file: file) }
  }

  /// The rotary fields of layers of a kind, which newer files keep in an object of their own, or in one for each kind; older ones beside the
  /// others.
  private static func rope(
    in fields: OrderedJSON, _ place: String, kind: String = "full_attention", file: String
  ) -> ConfigurationReader {
    let key = ["rope_parameters", "rope_scaling"].first { fields[$0]?.objectValue != nil }
    var (json, path) = (key.flatMap { fields[$0] }, [place, key ?? ""])
    if let own = json?[kind], own.objectValue != nil { (json, path) = (own, path + [kind]) }
    return ConfigurationReader(
      json: json.map { merged($0, over: fields) } ?? fields,
      place: path.filter { !$0.isEmpty }.joined(separator: "."), file: file)
  }

  /// The rotary fields of layers with a window, where they are objects of their own; nil where they are not.
  var windowRope: ConfigurationReader? {
    let kind = "sliding_attention"
    guard let fields = config.map({ $0["text_config"] ?? $0 }), fields["rope_parameters"]?[kind]?.objectValue != nil
    else { return nil }
    return Self.rope(in: fields, text.written(Key("", "")), kind: kind, file: file)
  }

  /// A vector that a GGUF keeps beside its metadata; nil without it.
  ///
  /// - Throws: `mismatch` for one of another length, `malformed` for numbers that are not above zero.
  func vector(_ name: String, count: Int) throws(CheckpointError) -> [Float]? {
    guard let entry = checkpoint?[name] else { return nil }
    guard entry.shape.dimensions == [count] else {
      throw entry.failure(.mismatch, "has shape \(entry.shape); the metadata ask for [\(count)]")
    }
    let values = try entry.readFloats()
    guard values.allSatisfy({ $0.isFinite && $0 > 0 }) else {
      throw entry.failure(.malformed, "must hold numbers above 0")
    }
    return values
  }

  /// The entries of `inner`, and the two rotary fields of `outer` that it lacks.
  private static func merged(_ inner: OrderedJSON?, over outer: OrderedJSON) -> OrderedJSON {
    guard var object = inner?.objectValue else { return outer }
    for key in ["rope_theta", "partial_rotary_factor", "original_max_position_embeddings"] where object[key] == nil {
      if let value = outer[key] { object[key] = value }
    }
    return .object(object)
  }

  /// Refuses a truth value that changes the maths.
  package func require(_ key: String, _ value: Bool, _ reason: String) throws(CheckpointError) {
    guard try text.bool(Key(key, ""), fallback: value) != value else { return }
    throw text.broken(Key(key, ""), "is \(!value); \(reason)", code: .unsupported)
  }

  /// Refuses an activation function other than the family's.
  package func requireActivation(_ names: Set<String>, key: String = "hidden_act") throws(CheckpointError) {
    guard let name = text.text(key), !names.contains(name) else { return }
    throw text.broken(
      Key(key, ""), "is \(shortened(name)); this family uses \(names.sorted().joined(separator: " or "))",
      code: .unsupported)
  }

  /// A truth value of `config.json`, false where it says nothing; of a GGUF, whether a tensor is there.
  package func flag(_ key: String, tensor: String) throws(CheckpointError) -> Bool {
    isGGUF ? shapes[BinaryString(tensor)] != nil : try text.bool(Key(key, ""), fallback: false)
  }

  /// The fields that say what a GGUF's own keys cannot: those of `config.json`, which a GGUF may carry; nil where it carries none.
  package var fields: ConfigurationReader? { isGGUF ? carried : text }

  /// How many keys a query sees, its own included; nil for all before it, which null and zero say.
  ///
  /// `fallback` is what a missing key means.
  package func window(
    _ reader: ConfigurationReader, _ key: Key = Key("sliding_window", "attention.sliding_window"), fallback: Int? = nil
  ) throws(CheckpointError) -> Int? {
    guard reader.has(key) else { return reader.value(key.huggingFace) == nil ? fallback : nil }
    let window = try reader.integer(key, in: 0...(1 << 30))
    return window == 0 ? nil : window
  }

  /// Which of so many layers have a window, as `layer_types` lists them; nil where it lists none.
  package func windowedLayers(
    _ reader: ConfigurationReader, count: Int
  ) throws(CheckpointError) -> [Bool]? {
    let key = Key("layer_types", "")
    guard let list = reader.value(key.huggingFace), !list.isNull else { return nil }
    guard let kinds = list.arrayValue, kinds.count == count else {
      throw reader.broken(key, "must be a list of \(count) entries, one a layer")
    }
    return try kinds.enumerated().map { index, kind throws(CheckpointError) in
      switch kind.stringValue {
      case "full_attention": false
      case "sliding_attention": true
      default: throw reader.broken(key, "[\(index)] must be full_attention or sliding_attention")
      }
    }
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
