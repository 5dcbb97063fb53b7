import Containers
import Images
import Base

extension Qwen35 {
  /// A `config.json` with the published structure, for a GGUF that does not carry the original.
  package func configurationJSON() -> OrderedJSON {
    let c = configuration
    var rope = OrderedObject()
    rope["mrope_interleaved"] = .bool(true)
    rope["mrope_section"] = .array(c.mropeSection.map { .integer(Int64($0)) })
    rope["partial_rotary_factor"] = .number(Double(c.rotaryDimension) / Double(c.headDimension))
    rope["rope_theta"] = whole(c.ropeTheta)
    rope["rope_type"] = .string("default")

    var text = OrderedObject()
    func put(_ key: String, _ value: Int) { text[key] = .integer(Int64(value)) }
    text["attention_bias"] = .bool(false)
    text["attn_output_gate"] = .bool(true)
    text["dtype"] = .string("bfloat16")
    if let token = c.endOfSequence { put("eos_token_id", token) }
    put("full_attention_interval", c.fullAttentionInterval)
    put("head_dim", c.headDimension)
    text["hidden_act"] = .string("silu")
    put("hidden_size", c.hiddenSize)
    put("intermediate_size", c.intermediateSize)
    text["layer_types"] = .array(c.layerIsFull.map { .string($0 ? "full_attention" : "linear_attention") })
    put("linear_conv_kernel_dim", c.convolutionKernel)
    put("linear_key_head_dim", c.linearKeyHeadDimension)
    put("linear_num_key_heads", c.linearKeyHeads)
    put("linear_num_value_heads", c.linearValueHeads)
    put("linear_value_head_dim", c.linearValueHeadDimension)
    text["mamba_ssm_dtype"] = .string("float32")
    put("max_position_embeddings", c.contextLength)
    text["model_type"] = .string("qwen3_5_text")
    put("mtp_num_hidden_layers", c.mtpLayers)
    text["mtp_use_dedicated_embeddings"] = .bool(false)
    put("num_attention_heads", c.headCount)
    put("num_hidden_layers", c.layerCount)
    put("num_key_value_heads", c.keyValueHeadCount)
    text["rms_norm_eps"] = .number(shortest(c.rmsEpsilon))
    text["rope_parameters"] = .object(rope)
    text["tie_word_embeddings"] = .bool(c.tied)
    text["use_cache"] = .bool(true)
    put("vocab_size", c.vocabularySize)

    var config = OrderedObject()
    config["architectures"] = .array([.string("Qwen3_5ForConditionalGeneration")])
    config["dtype"] = .string("bfloat16")
    if let token = c.imageTokenID { config["image_token_id"] = .integer(Int64(token)) }
    config["model_type"] = .string("qwen3_5")
    config["text_config"] = .object(text)
    config["tie_word_embeddings"] = .bool(c.tied)
    if let token = c.videoTokenID { config["video_token_id"] = .integer(Int64(token)) }
    if let v = c.vision { config["vision_config"] = .object(visionJSON(v)) }
    if let token = c.visionEndTokenID { config["vision_end_token_id"] = .integer(Int64(token)) }
    if let token = c.visionStartTokenID { config["vision_start_token_id"] = .integer(Int64(token)) }
    return c.vision == nil ? Self.textOnly(text, beside: config) : .object(config)
  }

  /// A carried `config.json` with what it says of the MTP block and the vision encoder as this model has them.
  ///
  /// Without an encoder it becomes the text model's: of a missing `vision_config` transformers would make one of its own
  /// defaults, and of one without tensors one of random weights. The text model finds its tensors under their
  /// published names.
  package func corrected(configuration json: OrderedJSON) -> (json: OrderedJSON, changes: [String]) {
    guard var outer = json.objectValue else {
      return (configurationJSON(), ["the config.json that the file carries is no object: it is made anew"])
    }
    var changes: [String] = []
    let nested = outer["text_config"]?.objectValue
    var text = nested ?? outer
    if text["mtp_num_hidden_layers"]?.intValue ?? 0 != configuration.mtpLayers {
      text["mtp_num_hidden_layers"] = .integer(Int64(configuration.mtpLayers))
      changes.append("config.json: mtp_num_hidden_layers is \(configuration.mtpLayers), as the tensors say")
    }
    let isTextOnly = nested != nil && configuration.vision == nil && outer["vision_config"]?.objectValue != nil
    let flag = try? HeadTying.flag(json, file: "config.json")
    if flag?.isTied != configuration.tied || isTextOnly && flag?.other ?? configuration.tied != configuration.tied {
      text["tie_word_embeddings"] = .bool(configuration.tied)
      outer["tie_word_embeddings"] = .bool(configuration.tied)
      changes.append("config.json: tie_word_embeddings is \(configuration.tied), as the tensors say")
    }
    guard nested != nil else { return (.object(text), changes) }
    if isTextOnly {
      changes.append("config.json: that of the text model alone (qwen3_5_text), since no vision encoder was named")
      return (Self.textOnly(text, beside: outer), changes)
    }
    outer["text_config"] = .object(text)
    return (.object(outer), changes)
  }

  /// The flat configuration of a text model, from the two parts of the nested one.
  private static func textOnly(_ text: OrderedObject, beside outer: OrderedObject) -> OrderedJSON {
    var flat: OrderedObject = ["architectures": .array([.string("Qwen3_5ForCausalLM")])]
    for (key, value) in text.entries where key != "architectures" { flat[key] = value }
    flat["model_type"] = .string("qwen3_5_text")
    for key in ["dtype", "torch_dtype", "tie_word_embeddings", "transformers_version"] where flat[key] == nil {
      if let value = outer[key] { flat[key] = value }
    }
    return .object(flat)
  }

  package func preprocessing(_ projector: Metadata) -> Preprocessing? {
    guard let v = configuration.vision else { return nil }
    var result = Preprocessing()
    (result.patchSize, result.temporalPatchSize, result.mergeSize) = (v.patchSize, v.temporalPatchSize, v.mergeSize)
    func limit(_ limit: (key: String, edge: String, published: Int)) -> Int {
      projector.uint("clip.vision." + limit.key).flatMap { Int(exactly: $0) } ?? limit.published
    }
    (result.minPixels, result.maxPixels) = (limit(Qwen35.pixelLimits[0]), limit(Qwen35.pixelLimits[1]))
    if let mean = projector.floats("clip.vision.image_mean") { result.mean = mean.map { Float($0) } }
    if let deviation = projector.floats("clip.vision.image_std") { result.deviation = deviation.map { Float($0) } }
    return result
  }

  package func preprocessorJSON(mmproj: Metadata) -> OrderedJSON? {
    preprocessing(mmproj)?.json(processor: "Qwen3VLProcessor", images: "Qwen2VLImageProcessorFast")
  }

  private func visionJSON(_ v: Vision) -> OrderedObject {
    [
      "deepstack_visual_indexes": .array([]), "depth": .integer(Int64(v.depth)),
      "hidden_act": .string("gelu_pytorch_tanh"), "hidden_size": .integer(Int64(v.hiddenSize)),
      "in_channels": .integer(Int64(v.channels)), "intermediate_size": .integer(Int64(v.intermediateSize)),
      "model_type": .string("qwen3_5"), "num_heads": .integer(Int64(v.heads)),
      "num_position_embeddings": .integer(Int64(v.positions)), "out_hidden_size": .integer(Int64(v.outHiddenSize)),
      "patch_size": .integer(Int64(v.patchSize)), "spatial_merge_size": .integer(Int64(v.mergeSize)),
      "temporal_patch_size": .integer(Int64(v.temporalPatchSize)),
    ]
  }

  /// A whole number without a fraction, as configuration files write it.
  private func whole(_ value: Double) -> OrderedJSON {
    Int64(exactly: value).map { .integer($0) } ?? .number(value)
  }

  /// The shortest decimal number that rounds to this float: 1e-6 rather than 9.99999997e-7.
  private func shortest(_ value: Float) -> Double { Double(value.description) ?? Double(value) }
}
