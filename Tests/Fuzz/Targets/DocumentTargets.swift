import Architectures
import Base
import Containers
import Conversion
import Images
import Runtime
import TestSupport

private let jsonWords = [
  "null", "true", "false", "-1", "1e999", "-0", "0.5", "9223372036854775808", "18446744073709551615", "NaN", "Infinity",
  "\\\\ud800", "\\\\u0000", "\\xef\\xbb\\xbf", "[[", "{}", "\"\"", "\":{", "\":[",
]

extension FuzzTargets {
  static let config = FuzzTarget(
    name: "config", longest: 1 << 12,
    words: jsonWords + [
      "\"model_type\":", "\"text_config\":", "\"vision_config\":", "\"layer_types\":", "\"rope_parameters\":",
      "\"rope_scaling\":", "\"mrope_section\":", "\"eos_token_id\":", "\"tie_word_embeddings\":", "\"hidden_size\":",
      "\"num_hidden_layers\":", "\"vocab_size\":", "\"quantization_config\":", "\"quant_method\":",
      "\"linear_attention\"",
      "\"full_attention\"", "\"mtp_num_hidden_layers\":", "\"full_attention_interval\":", "\"partial_rotary_factor\":",
    ],
    seeds: {
      try Seeds.fixtures("hostile/model", ending: "config.json")
        + [Array(SmallModel.config.utf8), try Fixtures.bytes("tiny-qwen3.5/config.json")]
    },
    prepare: {
      let (model, output) = (try SmallModel(), try FuzzFolder())
      return { input in
        try model.folder.put("config.json", input)
        try attempt {
          let checkpoint = try Containers.open(model.folder.path)
          _ = checkpoint.packedScheme
          try Walk.model(checkpoint)
          try Walk.conversion(of: [checkpoint], .convert(to: nil), in: output)
        }
      }
    })

  static let tokenizer = FuzzTarget(
    name: "tokenizer", longest: 1 << 13,
    words: jsonWords + [
      "\"Unigram\"", "\"Metaspace\"", "\"byte_fallback\":true", "\"ByteFallback\"", "\"Precompiled\"",
      "\"model\":", "\"vocab\":", "\"merges\":", "\"added_tokens\":", "\"pre_tokenizer\":", "\"normalizer\":",
      "\"decoder\":",
      "\"type\":", "\"BPE\"", "\"ByteLevel\"", "\"Split\"", "\"Sequence\"", "\"Digits\"", "\"Regex\":", "\"String\":",
      "\"Isolated\"", "\"MergedWithPrevious\"", "\"Removed\"", "\"NFC\"", "\"Replace\"", "\"Prepend\"", "\"content\":",
      "\"unk_token\":", "\"ignore_merges\":true", "\"fuse_unk\":true", "\"single_word\":true", "\"lstrip\":true",
      "\"normalized\":true", "\"add_prefix_space\":true", "\"use_regex\":true", "\"invert\":true", "\\\\u0120",
    ],
    seeds: {
      try Seeds.fixtures("hostile/tokenizer", ending: "tokenizer.json") + [Array(SmallModel.tokenizer.utf8)]
    },
    prepare: {
      let folder = try FuzzFolder()
      return { input in
        try folder.put("tokenizer.json", input)
        try attempt { try Walk.tokenizer(TokenizerSource.tokenizer(of: HuggingFaceFolder(path: folder.path))) }
      }
    })

  static let tokenizerConfig = FuzzTarget(
    name: "tokenizer-config", longest: 1 << 12,
    words: jsonWords + [
      "\"added_tokens_decoder\":", "\"chat_template\":", "\"name\":", "\"template\":", "\"content\":", "\"bos_token\":",
      "\"eos_token\":", "\"pad_token\":", "\"add_bos_token\":true", "\"special\":false", "\"tokenizer_class\":",
      "\"26\":",
    ],
    seeds: {
      [Array(SmallModel.tokenizerConfig.utf8), Array(#"{"bos_token":"a","extra_special_tokens":{"x":"b"}}"#.utf8)]
    },
    prepare: {
      let (model, output) = (try SmallModel(), try FuzzFolder())
      return { input in
        try model.folder.put("tokenizer_config.json", input)
        try attempt {
          let checkpoint = try Containers.open(model.folder.path)
          try attempt { _ = try ChatFormat.userTurn("hello", for: checkpoint) }
          try attempt { try Walk.tokenizer(TokenizerSource.tokenizer(of: checkpoint)) }
          try Walk.conversion(of: [checkpoint], .convert(to: nil), in: output)
        }
      }
    })

  static let preprocessor = FuzzTarget(
    name: "preprocessor", longest: 1 << 10,
    words: jsonWords + [
      "\"patch_size\":", "\"temporal_patch_size\":", "\"merge_size\":", "\"min_pixels\":", "\"max_pixels\":",
      "\"size\":{",
      "\"shortest_edge\":", "\"longest_edge\":", "\"image_mean\":[", "\"image_std\":[",
    ],
    seeds: {
      let small =
        #"{"patch_size":2,"merge_size":1,"min_pixels":4,"max_pixels":64,"image_mean":[0,0,0],"image_std":[1,1,1]}"#
      return [try Fixtures.bytes("tiny-qwen3.5/preprocessor_config.json"), Array(small.utf8)]
    },
    prepare: {
      { input in
        try attempt {
          let preprocessing = try Preprocessing(json: OrderedJSON(parsing: input, file: "preprocessor_config.json"))
          for (width, height) in [(3, 2), (1, 1), (1, 200), (4000, 20), (9459, 9459), (89_478_485, 447_393)] {
            try attempt {
              let size = try preprocessing.smartSize(width: width, height: height)
              let side = preprocessing.patchSize * preprocessing.mergeSize
              try promise(
                size.width > 0 && size.height > 0 && size.width % side == 0 && size.height % side == 0,
                "a picture of \(size)")
            }
          }
          let size = try preprocessing.smartSize(width: 1, height: 1)
          guard size.width * size.height <= 1 << 14 else { return }
          let patches = try preprocessing.patches(ofFiles: [Fixtures.path("hostile/images/1x1.png")])
          try promise(patches.values.count == patches.count * patches.width, "patches without values")
        }
      }
    })

  static let chatTemplate = FuzzTarget(
    name: "chat-template", longest: 1 << 10,
    words: [
      "<|im_start|>", "<|im_end|>", "content|trim", "| trim", "add_generation_prompt", "enable_thinking", "not ",
      " is not ", " is false", " != ", "else", "endif", "<think>\\\\n", "</think>", "{% if ", "%}",
    ],
    seeds: {
      [
        try Fixtures.bytes("tiny-qwen3.5/chat_template.jinja"),
        Array("<|im_start|><|im_end|>|trim add_generation_prompt not enable_thinking <think>\\n else endif".utf8),
      ]
    },
    prepare: {
      let folder = try FuzzFolder()
      try folder.put("text.gguf", try SmallModel().converted(to: nil).text)
      let model = try Containers.open(folder.file("text.gguf"))
      return { input in
        var checkpoint = model
        checkpoint.metadata["tokenizer.chat_template"] = .string(String(decoding: input, as: UTF8.self))
        try attempt {
          try promise(ChatFormat.userTurn("  a b ", for: checkpoint).contains("a b"), "a turn without text")
        }
      }
    })

  static let json = FuzzTarget(
    name: "json", longest: 1 << 12, words: jsonWords,
    seeds: {
      [
        Array(SmallModel.config.utf8),
        Array(
          #"{"a":[1,-2.5e-3,18446744073709551615,"\ud83d\ude00\n\u0041é"],"b":{"":null,"c":[true,false,[]]}}"#.utf8),
      ]
    },
    prepare: {
      { input in
        try attempt {
          let document = try OrderedJSON(parsing: input, file: "document.json")
          for pretty in [false, true] {
            let again: OrderedJSON
            do {
              again = try OrderedJSON(parsing: document.serialized(pretty: pretty), file: "written.json")
            } catch {
              throw FuzzFault("what was written cannot be read: \(error)")
            }
            try promise(again == document, "a document changes when it is written")
          }
        }
      }
    })
}
