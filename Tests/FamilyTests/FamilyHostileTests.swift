import Architectures
import Base
import Containers
import Conversion
import Engine
import Foundation
import Quants
import TestSupport
import Testing

@Suite("Families, with configurations that lie")
struct FamilyHostileTests {
  /// One field of a family's `config.json`, what it says instead, and a word of the refusal.
  struct Exhibit: Sendable, CustomTestStringConvertible {
    let family: String
    let path: [String]
    let value: OrderedJSON?
    let word: String

    init(_ family: String, _ path: String, _ value: OrderedJSON?, _ word: String? = nil) {
      self.family = family
      self.path = path.split(separator: ".").map(String.init)
      self.value = value
      self.word = word ?? self.path[self.path.count - 1]
    }

    var testDescription: String { "\(family) \(path.joined(separator: "."))" }
  }

  private static let factors: OrderedJSON = .array([.number(1), .number(1), .number(1)])

  static let exhibits = [
    Exhibit("llama3", "head_dim", .integer(15), "even"), Exhibit("llama3", "head_dim", .integer(0)),
    Exhibit("llama3", "head_dim", .integer(1 << 40)), Exhibit("llama3", "head_dim", .string("16")),
    Exhibit("llama3", "num_attention_heads", .integer(5), "must divide"),
    Exhibit("llama3", "num_attention_heads", .integer(-6)),
    Exhibit("llama3", "num_key_value_heads", .integer(4), "must divide"),
    Exhibit("llama3", "num_key_value_heads", .integer(3), "has shape"),
    Exhibit("llama3", "hidden_size", .integer(95), "has shape"), Exhibit("llama3", "hidden_size", nil),
    Exhibit("llama3", "num_hidden_layers", .integer(1 << 30)),
    Exhibit("llama3", "num_hidden_layers", .integer(4), "missing"),
    Exhibit("llama3", "vocab_size", .integer(721), "has shape"), Exhibit("llama3", "vocab_size", .integer(0)),
    Exhibit("llama3", "rms_norm_eps", .integer(0)), Exhibit("llama3", "hidden_act", .string("gelu")),
    Exhibit("llama3", "attention_bias", .bool(true), "missing"),
    Exhibit("llama3", "tie_word_embeddings", .string("yes")),
    Exhibit("llama3", "num_local_experts", .integer(8)), Exhibit("llama3", "rope_theta", .integer(-5)),
    Exhibit("llama3", "rope_scaling", .string("llama3")), Exhibit("llama3", "rope_scaling.factor", .integer(0)),
    Exhibit("llama3", "rope_scaling.factor", nil), Exhibit("llama3", "rope_scaling.low_freq_factor", .integer(4)),
    Exhibit("llama3", "rope_scaling.original_max_position_embeddings", .integer(0)),
    Exhibit("llama3", "rope_scaling.rope_type", .string("longrope")),
    Exhibit("llama3", "rope_scaling.rope_type", .integer(3)),
    Exhibit("mistral", "sliding_window", .integer(-1)), Exhibit("mistral", "sliding_window", .string("4096")),
    Exhibit("mistral", "sliding_window", .integer(1 << 40)),
    Exhibit("mistral-nemo", "head_dim", .integer(20), "has shape"),
    Exhibit("qwen2", "use_sliding_window", .integer(1)), Exhibit("qwen3", "head_dim", .null, "has shape"),
    Exhibit("smollm3", "no_rope_layers", .array([.integer(1), .integer(0)])),
    Exhibit("smollm3", "no_rope_layers", .array([.integer(2)])),
    Exhibit("smollm3", "use_sliding_window", .bool(true)),
    Exhibit("phi3", "sliding_window", .number(2047.5)),
    Exhibit("phi3", "rope_scaling", .object(["type": .string("linear"), "factor": .number(2)]), "type"),
    Exhibit("phi4-mini", "partial_rotary_factor", .number(0.01)),
    Exhibit("phi4-mini", "partial_rotary_factor", .number(1.5)),
    Exhibit("phi4-mini", "rope_scaling.long_factor", factors),
    Exhibit("phi4-mini", "rope_scaling.short_factor", .array(.init(repeating: .number(-1), count: 6))),
    Exhibit("phi4-mini", "rope_scaling.short_factor", .array(.init(repeating: .number(.infinity), count: 6))),
    Exhibit("phi4-mini", "rope_scaling.long_factor", nil),
    Exhibit("phi4-mini", "original_max_position_embeddings", .integer(1)),
    Exhibit("qwen3_vl", "text_config.rope_scaling.mrope_section", .array([.integer(6), .integer(5), .integer(6)])),
    Exhibit("qwen3_vl", "text_config.rope_scaling.mrope_interleaved", .bool(false)),
    Exhibit("qwen3_vl", "text_config.num_hidden_layers", .integer(1), "layers to add to"),
    Exhibit("qwen3_vl", "vision_config", .null), Exhibit("qwen3_vl", "vision_config.patch_size", .integer(0)),
    Exhibit("qwen3_vl", "vision_config.num_heads", .integer(5)),
    Exhibit("qwen3_vl", "vision_config.num_position_embeddings", .integer(15)),
    Exhibit("qwen3_vl", "vision_config.out_hidden_size", .integer(32)),
    Exhibit("qwen3_vl", "vision_config.deepstack_visual_indexes", .array([.integer(0), .integer(3)])),
    Exhibit("qwen3_vl", "vision_config.deepstack_visual_indexes", .array([.integer(1), .integer(0)])),
    Exhibit("qwen3_vl", "vision_config.deepstack_visual_indexes", .array([.integer(1), .integer(1)])),
    Exhibit("qwen3_vl", "vision_config.deepstack_visual_indexes", .array([.integer(-1)])),
    Exhibit("qwen3_vl", "vision_config.deepstack_visual_indexes", .array(.init(repeating: .integer(0), count: 17))),
    Exhibit("qwen3_vl", "vision_config.deepstack_visual_indexes", .integer(1)),
    Exhibit("qwen3_vl", "image_token_id", .integer(640)),
    Exhibit("gemma3", "mm_tokens_per_image", .integer(5)), Exhibit("gemma3", "mm_tokens_per_image", .integer(9)),
    Exhibit("gemma3", "mm_tokens_per_image", .integer(0)), Exhibit("gemma3", "vision_config", .array([])),
    Exhibit("gemma3", "vision_config.patch_size", .integer(0)),
    Exhibit("gemma3", "vision_config.patch_size", .integer(8), "has shape"),
    Exhibit("gemma3", "vision_config.image_size", .integer(113)),
    Exhibit("gemma3", "vision_config.image_size", .integer(1 << 40)),
    Exhibit("gemma3", "vision_config.num_attention_heads", .integer(5)),
    Exhibit("gemma3", "vision_config.num_hidden_layers", .integer(3), "missing"),
    Exhibit("gemma3", "vision_config.num_channels", .integer(4)),
    Exhibit("gemma3", "vision_config.hidden_act", .string("silu")),
    Exhibit("gemma3", "vision_config.layer_norm_eps", .integer(0)),
    Exhibit("gemma3", "image_token_index", .integer(643)),
    Exhibit("gemma3", "text_config.sliding_window", .integer(-1)),
    Exhibit("gemma3_text", "sliding_window", .integer(0)),
    Exhibit("gemma3_text", "sliding_window_pattern", .integer(0)),
    Exhibit("gemma3_text", "layer_types", .array([.string("full_attention")])),
    Exhibit("gemma3_text", "layer_types", .array(.init(repeating: .string("linear_attention"), count: 7))),
    Exhibit("gemma3_text", "query_pre_attn_scalar", .integer(0)),
    Exhibit("gemma3_text", "final_logit_softcapping", .integer(0)),
    Exhibit("gemma3_text", "attn_logit_softcapping", .integer(50)),
    Exhibit("gemma3_text", "rope_local_base_freq", .integer(0)),
    Exhibit("gemma3_text", "hidden_activation", .string("silu")),
    Exhibit("qwen3_moe", "num_experts", .integer(0)), Exhibit("qwen3_moe", "num_experts", .integer(1 << 40)),
    Exhibit("qwen3_moe", "num_experts", .integer(60_000)), Exhibit("qwen3_moe", "num_experts", .integer(9), "missing"),
    Exhibit("qwen3_moe", "num_experts", .integer(7), "has shape"), Exhibit("qwen3_moe", "num_experts", .string("8")),
    Exhibit("qwen3_moe", "num_experts_per_tok", .integer(9)), Exhibit("qwen3_moe", "num_experts_per_tok", .integer(0)),
    Exhibit("qwen3_moe", "moe_intermediate_size", .integer(31), "has shape"),
    Exhibit("qwen3_moe", "norm_topk_prob", .integer(1)), Exhibit("qwen3_moe", "decoder_sparse_step", .integer(0)),
    Exhibit("qwen3_moe", "decoder_sparse_step", .integer(2), "missing"),
    Exhibit("qwen3_moe", "mlp_only_layers", .array([.integer(-1)])),
    Exhibit("qwen3_moe", "mlp_only_layers", .array([.integer(0)]), "missing"),
    Exhibit("qwen3_next", "linear_num_key_heads", .integer(3), "must be a multiple"),
    Exhibit("qwen3_next", "linear_num_value_heads", .integer(8), "convolution"),
    Exhibit("qwen3_next", "linear_conv_kernel_dim", .integer(5), "convolution"),
    Exhibit("qwen3_next", "shared_expert_intermediate_size", .integer(0)),
    Exhibit("qwen3_next", "shared_expert_intermediate_size", nil),
    Exhibit("qwen3_5_moe", "text_config.num_experts", .integer(5), "has shape"),
    Exhibit("qwen3_5_moe", "text_config.moe_intermediate_size", .integer(25), "has shape"),
    Exhibit("qwen3_5_moe", "text_config.layer_types", .array([.string("full_attention")])),
    Exhibit("qwen3_5_moe", "vision_config.out_hidden_size", .integer(65)),
    Exhibit("gpt_oss", "num_local_experts", .integer(3), "has shape"),
    Exhibit("gpt_oss", "intermediate_size", .integer(32), "has shape"),
    Exhibit("gpt_oss", "layer_types", .array([.string("sliding_attention")])),
    Exhibit("gpt_oss", "sliding_window", .integer(-16)), Exhibit("gpt_oss", "swiglu_limit", .integer(0)),
    Exhibit("gpt_oss", "rope_scaling.truncate", .integer(0)), Exhibit("gpt_oss", "rope_scaling.factor", .string("32")),
    Exhibit("gpt_oss", "num_experts_per_tok", .integer(5)), Exhibit("gpt_oss", "attention_bias", .string("yes")),
  ]

  @Test("A value that lies is refused by name", arguments: exhibits)
  func refuses(exhibit: Exhibit) throws {
    let folder = try TemporaryFolder()
    let model = FamilyGolden(name: exhibit.family)
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("model.safetensors"), withDestinationPath: model.path("model/model.safetensors"))
    let config = try Fixtures.json("families/\(exhibit.family)/model/config.json")
    let altered = Self.altered(config, exhibit.path[...], exhibit.value).serialized(pretty: true, nonFinite: true)
    try Data(altered).write(to: URL(filePath: folder.file("config.json")))
    let error = #expect(throws: CheckpointError.self) { try Self.open(folder.path) }
    #expect(
      error?.isOfInput == true && "\(error?.description ?? "")".contains(exhibit.word), "\(error?.description ?? "")")
  }

  private static func altered(_ json: OrderedJSON, _ path: ArraySlice<String>, _ value: OrderedJSON?) -> OrderedJSON {
    guard let key = path.first, var object = json.objectValue else { return value ?? .null }
    object[key] = path.count == 1 ? value : altered(object[key] ?? .object([:]), path.dropFirst(), value)
    return .object(object)
  }

  @Test("Metadata that lie are refused, or say nothing that is read", arguments: FamilyGolden.all)
  func metadata(family: FamilyGolden) throws {
    let folder = try TemporaryFolder()
    let good = try Containers.open(family.converted(in: folder, "model.gguf", .convert(to: .bf16)))
    let prefix = (good.metadata.string("general.architecture") ?? "?") + "."
    let keys = good.metadata.keys.filter { $0.hasPrefix(prefix) }
    var named = 0
    for key in keys {
      for value in [
        MetadataValue.number(.init(.max as UInt64)), .number(.init(-1 as Int64)), .number(.init(0 as UInt32)),
        .string("8"), .float32(.nan), .list([] as [UInt32]),
      ] {
        var bad = good
        bad.metadata[key] = value
        do {
          try Self.open(bad)
        } catch let error as CheckpointError {
          #expect(error.isOfInput, "\(key) \(value): \(error)")
          if "\(error)".contains(key) { named += 1 }
        }
      }
    }
    #expect(keys.count > 7 && named > 3 * keys.count)
  }

  /// Understands a model and computes two tokens.
  static func open(_ path: String) throws { try open(Containers.open(path)) }

  private static func open(_ source: Checkpoint) throws {
    let checkpoint = try Architectures.prepare(source)
    let family = try Architectures.open(checkpoint)
    try #require(family.rules.count < 1 << 20)
    _ = family.textMetadata(FileDescription(name: "x", sizeLabel: "1B", fileType: nil))
    _ = try? family.configurationJSON()
    _ = try family.visionEncoder(checkpoint)
    let model = try family.languageModel(checkpoint)
    var state = model.makeState(capacity: 2)
    _ = try model.forward([0, 1], state: &state, compute: Compute(threads: 1))
  }
}
