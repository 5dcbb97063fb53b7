import Architectures
import Containers
import Conversion
import Quants
import Base
import TestSupport

/// A whole model of fifty kilobytes: what all rules downstream of parsing need to be reached.
struct SmallModel {
  /// The folder, with config.json, tokenizer.json and weights.
  let folder: FuzzFolder

  static let config = #"""
    {"architectures":["Qwen3_5ForConditionalGeneration"],"model_type":"qwen3_5","image_token_id":30,"video_token_id":31,
    "vision_start_token_id":28,"vision_end_token_id":29,"tie_word_embeddings":true,"text_config":{"model_type":
    "qwen3_5_text","eos_token_id":26,"head_dim":16,"hidden_act":"silu","hidden_size":32,"intermediate_size":32,
    "layer_types":["linear_attention","full_attention"],"linear_conv_kernel_dim":4,"linear_key_head_dim":16,
    "linear_num_key_heads":1,"linear_num_value_heads":2,"linear_value_head_dim":16,"max_position_embeddings":64,
    "mtp_num_hidden_layers":1,"num_attention_heads":2,"num_hidden_layers":2,"num_key_value_heads":1,
    "rms_norm_eps":1e-06,"rope_parameters":{"mrope_interleaved":true,"mrope_section":[1,1,0],
    "partial_rotary_factor":0.25,"rope_theta":10000000,"rope_type":"default"},"tie_word_embeddings":true,
    "vocab_size":32},"vision_config":{"depth":1,"hidden_act":"gelu_pytorch_tanh","hidden_size":16,"in_channels":3,
    "intermediate_size":16,"num_heads":4,"num_position_embeddings":4,"out_hidden_size":32,"patch_size":2,
    "spatial_merge_size":2,"temporal_patch_size":2}}
    """#

  static let tokenizer = #"""
    {"version":"1.0","added_tokens":[{"id":26,"content":"<|im_end|>","special":true,"lstrip":false,"rstrip":true},
    {"id":27,"content":"<|im_start|>","special":true},{"id":28,"content":"<think>","special":false,"single_word":true}],
    "normalizer":{"type":"NFC"},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":
    "(?i:'s|'t)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s+(?!\\S)|\\s+"},
    "behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]},
    "decoder":{"type":"ByteLevel"},"model":{"type":"BPE","unk_token":null,"byte_fallback":false,"ignore_merges":false,
    "vocab":{"a":0,"b":1,"c":2,"d":3,"e":4,"h":5,"i":6,"l":7,"n":8,"o":9,"r":10,"s":11,"t":12,"u":13,"w":14,"Ġ":15,
    "Ċ":16,"Ã":17,"¶":18,"1":19,".":20,"he":21,"ll":22,"hell":23,"Ġw":24,"hello":25},
    "merges":[["h","e"],["l","l"],["he","ll"],["Ġ","w"],["hell","o"]]}}
    """#

  static let tokenizerConfig = #"""
    {"add_bos_token":false,"added_tokens_decoder":{"26":{"content":"<|im_end|>","special":true},"27":{"content":
    "<|im_start|>","special":true}},"bos_token":null,"eos_token":"<|im_end|>","pad_token":{"content":"<|im_start|>"},
    "chat_template":[{"name":"default","template":
    "<|im_start|>{{ m.content|trim }}<|im_end|>{% if add_generation_prompt %}{% if enable_thinking %}<think>\n{% endif %}"
    },{"name":"tool_use","template":"{{ messages }}"}],"model_max_length":64}
    """#

  /// Writes the model into a folder of its own.
  init() throws {
    folder = try FuzzFolder()
    try folder.put("config.json", Array(Self.config.utf8))
    try folder.put("tokenizer.json", Array(Self.tokenizer.utf8))
    try folder.put("tokenizer_config.json", Array(Self.tokenizerConfig.utf8))
    try folder.put("model.safetensors", try Self.weights())
  }

  /// The weights as one safetensors file.
  ///
  /// Which parts a configuration has is decided by the tensors there are, so that two stand in for them first.
  static func weights() throws -> [UInt8] {
    let folder = try FuzzFolder()
    try folder.put("config.json", Array(config.utf8))
    try write(
      ["mtp.", "model.visual."].map {
        TensorDescription(name: $0 + "x", type: .bf16, shape: Shape([1]))
      }, to: folder)
    let family = try Architectures.open(Containers.open(folder.path))
    var tensors: [TensorDescription] = []
    for rule in family.rules where !tensors.contains(where: { $0.name == rule.savedName }) {
      let type: TensorType = rule.declared == .f32 ? .f32 : .bf16
      tensors.append(TensorDescription(name: rule.savedName, type: type, shape: rule.shape(in: .huggingFace)))
    }
    try write(tensors, to: folder)
    return try FileSystem.read(folder.file("model.safetensors"))
  }

  private static func write(_ tensors: [TensorDescription], to folder: FuzzFolder) throws {
    let writer = try SafetensorsWriter(path: folder.file("model.safetensors"), tensors: tensors, overwrite: true)
    for (index, tensor) in tensors.enumerated() {
      let count = try tensor.type.byteCount(shape: tensor.shape)
      // The high half of every value lies near 0.01, of either sign.
      let bytes = (0..<count).map { (place: Int) -> UInt8 in
        place % 2 == 0 ? UInt8(truncatingIfNeeded: place &* 29 &+ index) : [0x3C, 0xBC][(place / 2 + index) % 2]
      }
      try bytes.withUnsafeBytes { try writer.writeTensor(index, $0) }
    }
    _ = try writer.finish()
  }

  /// The model as GGUF files: its text in a type, and its vision encoder.
  func converted(to type: TensorType?) throws -> (text: [UInt8], vision: [UInt8]) {
    let output = try FuzzFolder()
    var options = ConversionOptions.convert(to: type)
    options.output = output.file("text.gguf")
    options.visionOutput = output.file("vision.gguf")
    _ = try Conversion.plan(source: folder.path, options: options, threads: 1).run(threads: 1)
    return (try FileSystem.read(output.file("text.gguf")), try FileSystem.read(output.file("vision.gguf")))
  }
}
