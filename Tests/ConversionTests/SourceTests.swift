import Containers
import Conversion
import Quants
import TestSupport
import Base
import Testing

/// Sources as they are found in the wild.
struct SourceTests {
  private func written(_ model: AlteredModel, _ options: ConversionOptions = .convert(to: .bf16)) throws -> Checkpoint {
    let folder = try TemporaryFolder()
    let options = into(folder, options)
    try convert(try model.write(), options)
    return try Containers.open(folder.file("model.gguf"))
  }

  private func blocks(_ checkpoint: Checkpoint) throws -> (count: UInt64?, mtp: UInt64?, tensors: Bool) {
    (
      checkpoint.metadata.uint("qwen35.block_count"), checkpoint.metadata.uint("qwen35.nextn_predict_layers"),
      checkpoint["blk.8.nextn.eh_proj.weight"] != nil
    )
  }

  @Test func `an MTP block that is announced but missing is left out`() throws {
    var model = try AlteredModel()
    model.remove("mtp.")
    let result = try blocks(try written(model))
    #expect(result.count == 8 && result.mtp == nil && !result.tensors)
  }

  @Test func `an MTP block that is there but not announced is kept`() throws {
    for value in [OrderedJSON.integer(0), nil] {
      var model = try AlteredModel()
      model.setText("mtp_num_hidden_layers", value)
      let result = try blocks(try written(model))
      #expect(result.count == 9 && result.mtp == 1 && result.tensors)
    }
  }

  @Test func `an incomplete MTP block is refused with the way out`() throws {
    var model = try AlteredModel()
    model.remove("mtp.layers.0.mlp.up_proj")
    let error = #expect(throws: CheckpointError.self) { try written(model) }
    #expect(error?.message.contains("mtp.layers.0.mlp.up_proj.weight") == true)
    #expect(error?.remedy == .leaveOutMTP)
    var options = ConversionOptions.convert(to: .bf16)
    options.mtp = false
    #expect(try blocks(try written(model, options)).count == 8)
  }

  /// The same model as MLX writes it: other prefix, norms as factors, convolutions with channels last, no MTP.
  @Test func `MLX's dialect is not shifted twice`() throws {
    var model = try AlteredModel()
    model.remove("mtp.")
    let plain = try written(model)
    let vision = try AlteredModel().tensors.filter { $0.name.contains("visual.patch_embed.proj.weight") }
    #expect(vision.count == 1)
    for index in model.tensors.indices {
      let name = model.tensors[index].name
      let isShifted =
        name.hasSuffix("norm.weight") && !name.hasSuffix("linear_attn.norm.weight") && !name.contains("visual")
      if isShifted || name.hasSuffix("layernorm.weight") {
        let values = model.tensors[index].floats.map { $0 + 1 }
        model.tensors[index].type = .f32
        model.tensors[index].bytes = [UInt8](repeating: 0, count: values.count * 4)
        model.tensors[index].floats = values
      }
      if name.hasSuffix("conv1d.weight") {
        let shape = model.tensors[index].shape
        model.tensors[index].shape = [shape[0], shape[2], shape[1]]
      }
      model.tensors[index].name =
        name.hasPrefix("model.visual.")
        ? "vision_tower." + name.dropFirst(13) : "language_model.model." + name.dropFirst("model.language_model.".count)
      if name.hasSuffix("visual.patch_embed.proj.weight") { channelsLast(&model.tensors[index]) }
    }
    let folder = try TemporaryFolder()
    try convert(try model.write(), into(folder, .convert(to: .bf16)))
    let mlx = try Containers.open(folder.file("model.gguf"))
    #expect(mlx.tensors.count == plain.tensors.count)
    for tensor in plain.tensors {
      #expect(try sha256(try mlx.tensor(tensor.name)) == sha256(tensor), "\(tensor.name)")
    }
    try convert(tinyModel, into(folder, .convert(to: .bf16), "plain"))
    #expect(try fingerprint(folder.file("mmproj-model.gguf")) == fingerprint(folder.file("mmproj-plain.gguf")))
  }

  /// From `[out, channels, frames, rows, columns]` to `[out, frames, rows, columns, channels]`.
  private func channelsLast(_ tensor: inout TestTensor) {
    let (out, channels, frames, area) = (
      tensor.shape[0], tensor.shape[1], tensor.shape[2], tensor.shape[3] * tensor.shape[4]
    )
    let before = tensor.floats
    var after = before
    for o in 0..<out {
      for c in 0..<channels {
        for f in 0..<frames {
          for p in 0..<area {
            after[((o * frames + f) * area + p) * channels + c] = before[((o * channels + c) * frames + f) * area + p]
          }
        }
      }
    }
    tensor.shape = [out, frames, tensor.shape[3], tensor.shape[4], channels]
    tensor.floats = after
  }

  @Test func `a text-only checkpoint with flat configuration converts the same`() throws {
    var model = try AlteredModel()
    model.remove("visual")
    var flat = try #require(model.config["text_config"]?.objectValue)
    flat["architectures"] = .array([.string("Qwen3_5ForCausalLM")])
    model.config = flat
    for index in model.tensors.indices {
      model.tensors[index].name = model.tensors[index].name.replacing("model.language_model.", with: "model.")
    }
    let golden = try GoldenManifest("golden/tiny-qwen3.5/gguf-bf16.json")
    let result = try written(model)
    for expected in golden.tensors { #expect(try sha256(try result.tensor(expected.name)) == expected.sha256) }
  }

  @Test func `sources in F16 and F32 convert, and an untied head is written`() throws {
    var model = try AlteredModel()
    var head = try #require(model.tensors.first { $0.name.hasSuffix("embed_tokens.weight") })
    head.name = "lm_head.weight"
    model.tensors.append(head)
    model.config["tie_word_embeddings"] = .bool(false)
    model.setText("tie_word_embeddings", .bool(false))
    model.change("mlp.down_proj") { tensor in
      let values = tensor.floats
      tensor.type = .f32
      tensor.bytes = [UInt8](repeating: 0, count: values.count * 4)
      tensor.floats = values
    }
    let golden = try GoldenManifest("golden/tiny-qwen3.5/gguf-bf16.json")
    let result = try written(model)
    #expect(result.tensors.count == golden.tensors.count + 1)
    for expected in golden.tensors { #expect(try sha256(try result.tensor(expected.name)) == expected.sha256) }
    #expect(try sha256(try result.tensor("output.weight")) == sha256(try result.tensor("token_embd.weight")))
    // With a head of its own the embedding table is an ordinary matrix.
    let quantized = try written(model, .quantize(try .named("Q4_0")))
    #expect(try quantized.tensor("output.weight").type.name == "Q6_K")
    #expect(try quantized.tensor("token_embd.weight").type.name == "Q4_0")
  }

  @Test func `a tied head stored twice is left out by name`() throws {
    var model = try AlteredModel()
    var head = try #require(model.tensors.first { $0.name.hasSuffix("embed_tokens.weight") })
    head.name = "lm_head.weight"
    model.tensors.append(head)
    let plan = try Conversion.plan(source: try model.write(), options: .convert(to: .bf16))
    #expect(plan.files[0].tensors.allSatisfy { $0.name != "output.weight" })
    #expect(plan.notes.contains { $0.contains("tied") })
  }

  @Test func `unexpected and missing tensors are named`() throws {
    var model = try AlteredModel()
    model.change("layers.3.self_attn.k_proj") { $0.name = $0.name.replacing("k_proj", with: "k_projection") }
    let error = #expect(throws: CheckpointError.self) { try written(model) }
    #expect(error?.message.contains("layers.3.self_attn.k_proj.weight") == true)
    #expect(error?.message.contains("k_projection") == true)
    var extra = try AlteredModel()
    var tensor = extra.tensors[0]
    tensor.name = "model.language_model.layers.0.secret.weight"
    extra.tensors.append(tensor)
    #expect(throws: CheckpointError.self) { try written(extra) }
  }

  @Test func `NaN and infinity are refused with tensor and index`() throws {
    for (value, name) in [(Float.nan, "Q8_0"), (.infinity, "Q4_0"), (-.infinity, "Q8_0")] {
      var model = try AlteredModel()
      model.change("layers.7.mlp.down_proj") { $0.floats[1234] = value }
      let folder = try TemporaryFolder()
      let options = into(folder, .quantize(try .named(name)))
      let source = try model.write()
      let error = #expect(throws: CheckpointError.self) { try convert(source, options) }
      #expect(error?.tensor == "model.language_model.layers.7.mlp.down_proj.weight")
      #expect(error?.message.contains("1234") == true)
      // What was written until then is gone.
      #expect(folder.contents == [])
    }
  }

  /// The file would be refused where it is used, so it is not written.
  @Test(arguments: [
    ("Q4_0", 25), ("Q8_0", 25), ("Q4_K_S", 3), ("IQ4_XS", 3), ("TQ2_0", 3), ("Q6_K", 3), ("Q1_0", 6), ("Q2_0", 12),
  ])
  func `weights that a format cannot hold are refused`(recipe: String, block: Int) throws {
    let folder = try TemporaryFolder()
    for (large, words) in [
      (Float(1e9), "block \(block) would not be a finite number; magnitudes reach 1e+09"),
      (1e30, "value 800 is 1e+30, which is too large for"),
    ] {
      let writer = try GGUFWriter(
        path: folder.file("x.gguf"), metadata: Metadata([("general.architecture", .string("odd"))]),
        tensors: [TensorDescription(name: "blk.0.ffn_up.weight", type: .f32, shape: Shape([2, 512]))], overwrite: true)
      var values = [Float](repeating: 1, count: 1024)
      values[800] = large
      try writer.beginTensor(0)
      try values.withUnsafeBytes { try writer.write($0) }
      try writer.endTensor()
      _ = try writer.finish()
      let options = into(folder, .quantize(try .named(recipe, pure: true)))
      let error = #expect(throws: CheckpointError.self) { try convert(folder.file("x.gguf"), options) }
      #expect(error?.message.contains(words) == true, "\(error?.description ?? "")")
      #expect(!FileSystem.exists(folder.file("model.gguf")))
    }
  }
}
