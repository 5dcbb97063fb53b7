import Architectures
import Containers
import TestSupport
import Base
import Testing

/// Configurations, good and hostile.
struct Qwen35ConfigurationTests {
  private static let names: Set<BinaryString> = [
    BinaryString("model.language_model.embed_tokens.weight"), BinaryString("mtp.fc.weight"),
    BinaryString("model.visual.pos_embed.weight"),
  ]

  private func read(_ json: OrderedJSON) throws(CheckpointError) -> Qwen35.Configuration {
    try Qwen35.Configuration(DecoderSource(json: json, tensors: Self.names, file: "config.json", of: Qwen35.self))
  }

  /// The tiny model's configuration with one field of a section changed.
  private func altered(_ path: [String], _ value: OrderedJSON?) throws -> OrderedJSON {
    func set(_ json: OrderedJSON, _ path: ArraySlice<String>) -> OrderedJSON {
      var object = json.objectValue ?? OrderedObject()
      guard let key = path.first else { return json }
      object[key] = path.count == 1 ? value : set(object[key] ?? .object(OrderedObject()), path.dropFirst())
      return .object(object)
    }
    return set(try Fixtures.json("tiny-qwen3.5/config.json"), path[...])
  }

  @Test func `reads the tiny model`() throws {
    let c = try read(try Fixtures.json("tiny-qwen3.5/config.json"))
    #expect(c.hiddenSize == 256 && c.layerCount == 8 && c.intermediateSize == 512 && c.vocabularySize == 4096)
    #expect(c.headCount == 4 && c.keyValueHeadCount == 2 && c.headDimension == 64 && c.rotaryDimension == 16)
    #expect(c.linearKeyHeads == 2 && c.linearValueHeads == 4 && c.valueHeadRatio == 2 && c.convolutionChannels == 512)
    #expect(c.layerIsFull == [false, false, false, true, false, false, false, true])
    #expect(c.mropeSection == [3, 3, 2] && c.ropeTheta == 1e7 && c.tied && c.mtpLayers == 1)
    #expect(c.vision?.depth == 4 && c.vision?.positions == 64 && c.vision?.mergedWidth == 512)
  }

  @Test func `reads a flat configuration, and the interval where kinds are not listed`() throws {
    var text = try #require(try Fixtures.json("tiny-qwen3.5/config.json")["text_config"]?.objectValue)
    text["layer_types"] = nil
    let c = try Qwen35.Configuration(
      DecoderSource(
        json: .object(text), tensors: [BinaryString("model.embed_tokens.weight")], file: "config.json", of: Qwen35.self)
    )
    #expect(c.layerIsFull == [false, false, false, true, false, false, false, true])
    #expect(c.vision == nil && c.mtpLayers == 0)
  }

  /// Every number of the configuration against values no model has.
  @Test(arguments: [
    "hidden_size", "num_hidden_layers", "intermediate_size", "num_attention_heads", "num_key_value_heads", "head_dim",
    "linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim", "linear_value_head_dim",
    "linear_conv_kernel_dim", "rms_norm_eps", "max_position_embeddings", "vocab_size",
  ])
  func `refuses numbers out of range, naming the key`(key: String) throws {
    let hostile: [OrderedJSON] = [
      .integer(0), .integer(-1), .integer(.max), .unsigned(1 << 63), .number(1e300), .number(-0.5),
      .string("16"), .array([]), .object(OrderedObject()), .bool(true),
    ]
    for value in hostile {
      let json = try altered(["text_config", key], value)
      let error = #expect(throws: CheckpointError.self, "\(key) \(value)") { try read(json) }
      #expect(error?.message.contains("text_config.\(key)") == true, "\(error?.description ?? "")")
      #expect(error?.isOfInput == true)
    }
  }

  /// Sizes that are lawful one by one and gigabytes together, with the key to be named.
  @Test(
    arguments: [
      (["linear_key_head_dim": 4096, "linear_value_head_dim": 4096], "linear_value_head_dim"),
      (["linear_key_head_dim": 65536], "linear_num_value_heads"), (["intermediate_size": 1 << 24], "intermediate_size"),
      (["hidden_size": 1 << 18], "hidden_size"), (["head_dim": 65536], "head_dim"),
      (["linear_key_head_dim": 2048, "linear_value_head_dim": 2048, "num_hidden_layers": 64], "num_hidden_layers"),
      (["head_dim": 16384, "num_hidden_layers": 1024], "num_hidden_layers"),
    ] as [([String: Int], String)])
  func `refuses products that would fill the memory`(changes: [String: Int], key: String) throws {
    var config = try #require(try Fixtures.json("tiny-qwen3.5/config.json").objectValue)
    var text = try #require(config["text_config"]?.objectValue)
    for (key, value) in changes { text[key] = .integer(Int64(value)) }
    if let width = changes["head_dim"] {
      var rope = try #require(text["rope_parameters"]?.objectValue)
      rope["mrope_section"] = .array([.integer(Int64(width / 8)), .integer(0), .integer(0)])
      text["rope_parameters"] = .object(rope)
    }
    text["layer_types"] = nil
    config["text_config"] = .object(text)
    let error = #expect(throws: CheckpointError.self) { try read(.object(config)) }
    #expect(error?.message.hasPrefix("text_config.\(key) ") == true, "\(error?.description ?? "")")
  }

  @Test(arguments: ["hidden_size", "num_hidden_layers", "intermediate_size", "num_attention_heads", "vocab_size"])
  func `names a missing key`(key: String) throws {
    let json = try altered(["text_config", key], nil)
    let error = #expect(throws: CheckpointError.self) { try read(json) }
    #expect(error?.code == .missing && error?.message.contains(key) == true)
  }

  @Test(
    arguments: [
      (["text_config", "num_key_value_heads"], OrderedJSON.integer(3)),
      (["text_config", "linear_num_value_heads"], .integer(3)),
      (["text_config", "layer_types"], .array([.string("full_attention")])),
      (["text_config", "layer_types"], .array(.init(repeating: .string("sliding_attention"), count: 8))),
      (["text_config", "rope_parameters", "mrope_section"], .array([.integer(3), .integer(3), .integer(3)])),
      (["text_config", "rope_parameters", "mrope_section"], .array([.integer(9), .integer(-3), .integer(2)])),
      (["text_config", "rope_parameters", "partial_rotary_factor"], .number(1.5)),
      (["text_config", "rope_parameters", "rope_theta"], .integer(0)),
      (["text_config", "rope_parameters", "rope_type"], .string("yarn")),
      (["text_config", "rope_parameters", "type"], .string("linear")),
      (["text_config", "rope_parameters", "rope_type"], .integer(1)),
      (["text_config", "rope_parameters", "mrope_interleaved"], .bool(false)),
      (["text_config", "rope_scaling"], .object(["type": .string("yarn"), "factor": .number(4)])),
      (["text_config", "rope_scaling"], .string("yarn")),
      (["text_config", "hidden_act"], .string("gelu")), (["text_config", "attention_bias"], .bool(true)),
      (["text_config"], .array([])), (["vision_config"], nil), (["vision_config", "num_heads"], .integer(3)),
      (["vision_config", "num_position_embeddings"], .integer(65)),
      (["vision_config", "out_hidden_size"], .integer(128)),
      (["vision_config", "temporal_patch_size"], .integer(3)),
      (["vision_config", "deepstack_visual_indexes"], .array([.integer(1)])),
      (["vision_config", "hidden_act"], .string("silu")), (["vision_config", "depth"], .integer(1 << 40)),
    ] as [([String], OrderedJSON?)])
  func `refuses contradictions`(path: [String], value: OrderedJSON?) throws {
    let json = try altered(path, value)
    let error = #expect(throws: CheckpointError.self) { try read(json) }
    #expect(error?.isOfInput == true)
  }

  @Test func `GGUF metadata gives the same configuration`() throws {
    let json = try read(try Fixtures.json("tiny-qwen3.5/config.json"))
    let (metadata, shapes) = try metadata(json)
    var gguf = try Qwen35.Configuration(
      DecoderSource(metadata: metadata, tensors: shapes, file: "model.gguf", of: Qwen35.self))
    #expect(gguf.endOfSequence == nil)
    // What a text GGUF does not say.
    (gguf.endOfSequence, gguf.vision) = (json.endOfSequence, json.vision)
    gguf.tokens = json.tokens
    #expect(gguf == json)
  }

  @Test func `hostile GGUF metadata is refused, naming the key`() throws {
    let (metadata, shapes) = try metadata(try read(try Fixtures.json("tiny-qwen3.5/config.json")))
    let keys = metadata.keys.filter { $0.hasPrefix("qwen35.") && !$0.hasSuffix("nextn_predict_layers") }
    for key in keys {
      for value in [
        MetadataValue.number(.init(.max as UInt64)), .number(.init(-1 as Int64)), .string("8"), .float32(.nan),
        .list([] as [UInt32]),
      ] {
        var broken = metadata
        broken[key] = value
        let error = #expect(throws: CheckpointError.self, "\(key) \(value)") {
          try Qwen35.Configuration(
            DecoderSource(metadata: broken, tensors: shapes, file: "model.gguf", of: Qwen35.self))
        }
        #expect(error?.message.contains(key) == true, "\(key): \(error?.description ?? "")")
      }
    }
  }

  @Test func `a GGUF with scaled rotary embedding is refused, naming the key`() throws {
    let (metadata, shapes) = try metadata(try read(try Fixtures.json("tiny-qwen3.5/config.json")))
    let scaled: [(String, MetadataValue)] = [
      ("scaling.type", .string("yarn")), ("scaling.type", .string("linear")), ("scaling.factor", .float32(4)),
      ("scaling.attn_factor", .float32(0.5)), ("scaling.yarn_ext_factor", .float32(1)), ("scale_linear", .float32(2)),
    ]
    for (key, value) in scaled {
      var changed = metadata
      changed["qwen35.rope.\(key)"] = value
      let error = #expect(throws: CheckpointError.self, "\(key)") {
        try Qwen35.Configuration(DecoderSource(metadata: changed, tensors: shapes, file: "model.gguf", of: Qwen35.self))
      }
      #expect(error?.code == .unsupported && error?.message.contains("qwen35.rope.\(key)") == true)
    }
    var harmless = metadata
    harmless["qwen35.rope.scaling.type"] = .string("none")
    harmless["qwen35.rope.scaling.factor"] = .float32(1)
    _ = try Qwen35.Configuration(
      DecoderSource(metadata: harmless, tensors: shapes, file: "model.gguf", of: Qwen35.self))
  }

  /// Which of announcement and tensors there is, and what comes out.
  @Test(arguments: [(true, true, 8, 1), (true, false, 8, 0), (false, true, 8, 1), (false, false, 9, 0)])
  func `tensors decide about the MTP block of a GGUF`(announced: Bool, there: Bool, layers: Int, mtp: Int) throws {
    var (metadata, shapes) = try metadata(try read(try Fixtures.json("tiny-qwen3.5/config.json")))
    if !announced { metadata.remove("qwen35.nextn_predict_layers") }
    if !there { shapes = shapes.filter { !$0.key.text.hasPrefix("blk.8.nextn.") } }
    let c = try Qwen35.Configuration(
      DecoderSource(metadata: metadata, tensors: shapes, file: "model.gguf", of: Qwen35.self))
    #expect(c.layerCount == layers && c.mtpLayers == mtp)
  }

  /// Otherwise the first of two would run as a decoder layer, and layers behind one would not run at all.
  @Test(arguments: [[7, 8], [3], [0]])
  func `MTP blocks other than one at the end are refused`(blocks: [Int]) throws {
    var (metadata, shapes) = try metadata(try read(try Fixtures.json("tiny-qwen3.5/config.json")))
    let shape = shapes.removeValue(forKey: BinaryString("blk.8.nextn.eh_proj.weight"))
    for block in blocks { shapes[BinaryString("blk.\(block).nextn.eh_proj.weight")] = shape }
    let error = #expect(throws: CheckpointError.self) {
      try Qwen35.Configuration(DecoderSource(metadata: metadata, tensors: shapes, file: "model.gguf", of: Qwen35.self))
    }
    #expect(error?.code == .unsupported && error?.message.contains("blk.\(blocks[0])") == true)
    metadata.remove("qwen35.nextn_predict_layers")
    #expect(throws: CheckpointError.self) {
      try Qwen35.Configuration(DecoderSource(metadata: metadata, tensors: shapes, file: "model.gguf", of: Qwen35.self))
    }
  }

  private func metadata(_ c: Qwen35.Configuration) throws -> (Metadata, [BinaryString: Shape]) {
    let checkpoint = try Containers.open(Fixtures.path("tiny-qwen3.5"))
    let model = try Qwen35(checkpoint: checkpoint)
    var shapes: [BinaryString: Shape] = [:]
    for rule in model.rules where rule.part != .vision {
      shapes[BinaryString(rule.name(in: .gguf))] = rule.shape(in: .gguf)
    }
    return (model.textMetadata(FileDescription(name: "tiny", sizeLabel: "7M", fileType: 0)), shapes)
  }
}
