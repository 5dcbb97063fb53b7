import Architectures
import Base
import Containers
import Conversion
import Quants
import Runtime

extension FuzzTargets {
  static let gguf = FuzzTarget(
    name: "gguf", longest: 1 << 16,
    words: [
      "GGUF\\x03\\x00\\x00\\x00", "general.architecture", "general.alignment", "qwen35", "qwen35.block_count",
      "qwen35.embedding_length", "qwen35.attention.head_count", "qwen35.rope.dimension_sections",
      "qwen35.nextn_predict_layers", "qwen35.attention.recurrent_layers", "split.count", "split.no",
      "split.tensors.count", "tokenizer.ggml.tokens", "tokenizer.ggml.pre", "tokenizer.ggml.token_type",
      "tokenizer.ggml.merges", "tokenizer.ggml.model", "tokenizer.ggml.eos_token_id", "tokenizer.chat_template",
      "tokenizer.ggml.scores", "tokenizer.ggml.precompiled_charsmap", "quern.tokenizer.merges",
      "quern.huggingface.tokenizer", "quern.huggingface.config", "quern.tokenizer.patterns", "token_embd.weight",
      "output.weight", "clip.projector_type", "clip.vision.block_count", "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff",
      "\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x80", "\\x09\\x00\\x00\\x00\\x08\\x00\\x00\\x00",
    ],
    seeds: {
      let model = try SmallModel()
      var seeds = try Seeds.fixtures("hostile/gguf") + Seeds.fixtures("hostile/split")
      for type in [nil, TensorType(name: "Q8_0"), TensorType(name: "Q4_0")] {
        let files = try model.converted(to: type)
        seeds += [files.text, files.vision]
      }
      return seeds + [try everyBlock()]
    },
    prepare: {
      let (folder, other) = (try FuzzFolder(), try FuzzFolder())
      try other.put("text.gguf", try SmallModel().converted(to: nil).text)
      let text = try Containers.open(other.file("text.gguf"))
      return { input in
        try folder.put("a.gguf", input)
        try attempt {
          let checkpoint = try Containers.open(folder.file("a.gguf"))
          try Walk.weights(checkpoint)
          try attempt { try Walk.tokenizer(TokenizerSource.tokenizer(of: checkpoint)) }
          try attempt { _ = try ChatFormat.userTurn("hello", for: checkpoint) }
          guard checkpoint.metadata.string("general.architecture") != "clip" else {
            try Walk.model(text, vision: checkpoint)
            var options = ConversionOptions.convert(to: nil)
            options.target = .safetensors
            return try Walk.conversion(of: [text, checkpoint], options, in: folder)
          }
          try Walk.model(checkpoint)
          try Walk.conversion(of: [checkpoint], .quantize(Recipe.named("Q4_K_M")), in: folder)
          var options = ConversionOptions.convert(to: nil)
          options.target = .safetensors
          try Walk.conversion(of: [checkpoint], options, in: folder)
        }
      }
    })

  /// One tensor of every format that GGUF has.
  private static func everyBlock() throws -> [UInt8] {
    let folder = try FuzzFolder()
    let types = QuantFormats.all.filter { $0.ggufID != nil }
    let tensors = types.map { TensorDescription(name: $0.name, type: $0, shape: Shape([1, $0.blockElements])) }
    var metadata = Metadata()
    metadata["general.architecture"] = .string("qwen35")
    let writer = try GGUFWriter(path: folder.file("a.gguf"), metadata: metadata, tensors: tensors)
    for (index, tensor) in tensors.enumerated() {
      let count = try tensor.type.byteCount(shape: tensor.shape)
      let bytes = (0..<count).map { (place: Int) -> UInt8 in UInt8((place * 11 + index) % 0x70) }
      try bytes.withUnsafeBytes { try writer.writeTensor(index, $0) }
    }
    _ = try writer.finish()
    return try FileSystem.read(folder.file("a.gguf"))
  }

  static let safetensors = FuzzTarget(
    name: "safetensors", longest: 1 << 16,
    words: [
      "\"dtype\":", "\"shape\":[", "\"data_offsets\":[", "\"__metadata__\":{", "\"F32\"", "\"BF16\"", "\"F16\"",
      "\"F8_E4M3\"", "\"U8\"", "\"I64\"", "\"BOOL\"", "\"format\":\"pt\"", "model.language_model.", "mtp.",
      "lm_head.weight",
      "18446744073709551615", "9223372036854775808", "\\\\u0000", "\\\\ud800",
    ],
    seeds: {
      try Seeds.fixtures("hostile/safetensors") + [try SmallModel.weights()]
    },
    prepare: {
      let (model, plain) = (try SmallModel(), try FuzzFolder())
      func use(_ input: [UInt8]) throws {
        try plain.put("a.safetensors", input)
        try attempt {
          try Walk.weights(Containers.open(plain.file("a.safetensors")))
          try model.folder.put("model.safetensors", input)
          let checkpoint = try Containers.open(model.folder.path)
          try Walk.model(checkpoint)
          try Walk.conversion(of: [checkpoint], .quantize(Recipe.named("Q4_0")), in: plain)
        }
      }
      return { input in
        try use(input)
        // A header that grew or shrank is refused by its length; with the right one the rest is read.
        let end = input.dropFirst(8).lastIndex(of: UInt8(ascii: "}")).map { $0 + 1 } ?? input.count
        guard end > 8, end <= 1 << 14 else { return }
        let length = (0..<8).map { UInt8(truncatingIfNeeded: (end - 8) >> (8 * $0)) }
        if !input.starts(with: length) { try use(length + input[8...]) }
      }
    })

  static let index = FuzzTarget(
    name: "index", longest: 1 << 12,
    words: [
      "\"weight_map\":{", "\"metadata\":{", "\"total_size\":", "\"one.safetensors\"", "\"two.safetensors\"", "\"a\":",
      "\"../one.safetensors\"", "\"/one.safetensors\"", "\\\\u0000", "\\\\ud83d\\\\ude00",
    ],
    seeds: {
      try Seeds.fixtures("hostile/index", ending: ".json")
        + [Array(#"{"metadata":{"total_size":4},"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}"#.utf8)]
    },
    prepare: {
      let folder = try FuzzFolder()
      for (name, tensor) in [("one.safetensors", "a"), ("two.safetensors", "b")] {
        let header = Array("{\"\(tensor)\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}".utf8)
        try folder.put(name, [UInt8(header.count), 0, 0, 0, 0, 0, 0, 0] + header + [1, 2])
      }
      return { input in
        let path = "model.safetensors.index.json"
        try folder.put(path, input)
        try attempt { try Walk.weights(Containers.open(folder.path)) }
        try attempt { try Walk.weights(Containers.open(folder.file(path))) }
      }
    })
}
