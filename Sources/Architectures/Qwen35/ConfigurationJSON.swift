import Containers
import Base

extension Qwen35.Configuration {
  private typealias Key = ConfigurationReader.Key

  /// Reads a Hugging Face folder's `config.json`; what tensors exist decides about the MTP block and the vision encoder.
  ///
  /// Errors: `missing` or `malformed`, naming the key and its rule.
  package init(json config: OrderedJSON, tensors: Set<BinaryString>, file: String) throws(CheckpointError) {
    let nested = config["text_config"]
    if let nested, nested.objectValue == nil {
      throw CheckpointError(.malformed, "text_config must be an object", file: file)
    }
    let text = nested ?? config
    let place = nested == nil ? "" : "text_config"
    let reader = ConfigurationReader(json: text, place: place, file: file)
    // Older files keep the rotary fields beside the others instead of in an object of their own.
    let ropeKey = ["rope_parameters", "rope_scaling"].first { text[$0]?.objectValue != nil }
    let rope = ConfigurationReader(
      json: ropeKey.map { merged(text[$0], over: text) } ?? text,
      place: [place, ropeKey ?? ""].filter { !$0.isEmpty }.joined(separator: "."), file: file)
    try self.init(shared: reader, rope: rope, gguf: false)
    for key in ["rope_parameters", "rope_scaling"] {
      try rejectScaledRotary(text[key], place: [place, key].filter { !$0.isEmpty }.joined(separator: "."), file)
    }
    try rejectUnknownChoices(reader, file: file)

    layerCount = try reader.integer(Key("num_hidden_layers", ""), in: 1...4096)
    vocabularySize = try reader.integer(Key("vocab_size", ""), in: 1...(1 << 26))
    layerIsFull = try layerKinds(text, reader)
    try checkState(reader)
    let outer = ConfigurationReader(json: config, place: "", file: file)
    tied = try HeadTying.flag(config, file: file).isTied
    if reader.has(Key("eos_token_id", "")), case .array? = text["eos_token_id"] {
      endOfSequence = text["eos_token_id"]?.arrayValue?.first?.intValue
    } else if reader.has(Key("eos_token_id", "")) {
      endOfSequence = try reader.integer(Key("eos_token_id", ""), in: 0...(vocabularySize - 1))
    }
    func token(_ key: String) throws(CheckpointError) -> Int? {
      guard outer.has(Key(key, "")) else { return nil }
      return try outer.integer(Key(key, ""), in: 0...(vocabularySize - 1))
    }
    imageTokenID = try token("image_token_id")
    videoTokenID = try token("video_token_id")
    visionStartTokenID = try token("vision_start_token_id")
    visionEndTokenID = try token("vision_end_token_id")

    let names = Qwen35.Names(tensors: tensors)
    mtpLayers = names.mtp == nil ? 0 : 1
    if names.vision != nil {
      guard let section = config["vision_config"], section.objectValue != nil else {
        throw CheckpointError(.missing, "vision_config is missing although vision tensors exist", file: file)
      }
      vision = try Qwen35.Vision(json: section, textWidth: hiddenSize, textEpsilon: rmsEpsilon, file: file)
    }
  }

  /// Reads `layer_types`, or derives the kinds from the interval when the file has none.
  private func layerKinds(
    _ text: OrderedJSON, _ reader: ConfigurationReader
  ) throws(CheckpointError) -> [Bool] {
    let key = Key("layer_types", "")
    guard reader.has(key) else {
      return (0..<layerCount).map { ($0 + 1) % fullAttentionInterval == 0 }
    }
    guard let kinds = text["layer_types"]?.arrayValue, kinds.count == layerCount else {
      throw reader.broken(key, "must be a list of \(layerCount) entries, one a layer")
    }
    var full: [Bool] = []
    for (index, kind) in kinds.enumerated() {
      switch kind.stringValue {
      case "full_attention": full.append(true)
      case "linear_attention": full.append(false)
      default: throw reader.broken(key, "[\(index)] must be full_attention or linear_attention")
      }
    }
    return full
  }

  /// A rotary embedding other than the published one would be computed as if it were that.
  private func rejectScaledRotary(_ json: OrderedJSON?, place: String, _ file: String) throws(CheckpointError) {
    guard let json, !json.isNull else { return }
    guard json.objectValue != nil else {
      throw CheckpointError(.malformed, "\(place) must be an object", file: file)
    }
    let reader = ConfigurationReader(json: json, place: place, file: file)
    // `type` is the name of older files, and `mrope` what they call the default one with sections.
    for name in ["rope_type", "type"] where reader.has(Key(name, "")) {
      let written = reader.text(name)
      guard let kind = written, ["default", "mrope"].contains(kind) else {
        throw reader.broken(
          Key(name, ""), "is \(written.map { shortened($0) } ?? "no text"); Qwen3.5 uses the default rotary embedding",
          code: .unsupported)
      }
    }
    if try !reader.bool(Key("mrope_interleaved", ""), fallback: true) {
      throw reader.broken(
        Key("mrope_interleaved", ""), "is false; Qwen3.5 interleaves the sections of its rotary embedding",
        code: .unsupported)
    }
  }

  /// Choices of the configuration that change the maths must be the ones this architecture has.
  private func rejectUnknownChoices(_ reader: ConfigurationReader, file: String) throws(CheckpointError) {
    if try reader.bool(Key("attention_bias", ""), fallback: false) {
      throw reader.broken(
        Key("attention_bias", ""), "is true; only Qwen3.5 without biases is known", code: .unsupported)
    }
    if try !reader.bool(Key("attn_output_gate", ""), fallback: true) {
      throw reader.broken(Key("attn_output_gate", ""), "is false; Qwen3.5 gates its attention", code: .unsupported)
    }
    if let activation = reader.text("hidden_act"), activation != "silu" {
      throw reader.broken(Key("hidden_act", ""), "is \(activation); Qwen3.5 uses silu", code: .unsupported)
    }
  }
}

/// The entries of `inner`, and the two rotary fields of `outer` that it lacks.
private func merged(_ inner: OrderedJSON?, over outer: OrderedJSON) -> OrderedJSON {
  guard var object = inner?.objectValue else { return outer }
  for key in ["rope_theta", "partial_rotary_factor"] where object[key] == nil {
    if let value = outer[key] { object[key] = value }
  }
  return .object(object)
}

extension ConfigurationReader {
  /// The text of a `config.json` key; nil when it is absent or no string.
  package func text(_ key: String) -> String? { value(key)?.stringValue }
}
