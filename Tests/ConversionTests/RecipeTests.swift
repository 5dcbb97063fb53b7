import Containers
import Conversion
import Quants
import TestSupport
import Tensors
import Testing

/// Which tensor gets which type.
struct RecipeTests {
  private func types(_ options: ConversionOptions) throws -> [String: String] {
    let plan = try Conversion.plan(source: tinyModel, options: options)
    return Dictionary(uniqueKeysWithValues: plan.files[0].tensors.map { ($0.name, $0.type.name) })
  }

  @Test func `later patterns win, and norms stay as they are`() throws {
    var options = ConversionOptions.quantize(try .named("Q4_0"))
    options.output = "unused.gguf"
    options.overrides = [("blk", .q8_0), ("ffn_down", .f16), (#"blk\.8\.ffn_down"#, .bf16)]
    let types = try types(options)
    #expect(types["blk.0.attn_qkv.weight"] == "Q8_0" && types["blk.0.ffn_down.weight"] == "F16")
    #expect(types["blk.8.ffn_down.weight"] == "BF16" && types["blk.0.attn_norm.weight"] == "F32")
    #expect(types["token_embd.weight"] == "Q6_K" && types["blk.0.ssm_conv1d.weight"] == "F32")
  }

  @Test func `pure is pure`() throws {
    let types = try types(.quantize(try .named("Q4_0", pure: true)))
    #expect(types["token_embd.weight"] == "Q4_0")
    #expect(Set(types.values) == ["Q4_0", "F32"])
  }

  @Test(arguments: [("ffn_dwn", "ffn_down"), ("(", "regular"), (#"attn_norm\.weight$"#, "full precision")])
  func `patterns that find nothing are errors`(pattern: String, words: String) throws {
    var options = ConversionOptions.quantize(try .named("Q8_0"))
    options.overrides = [(pattern, .q4_0)]
    let error = #expect(throws: CheckpointError.self) { try Conversion.plan(source: tinyModel, options: options) }
    #expect(error?.message.contains(words) == true, "\(error?.description ?? "")")
  }

  @Test func `unknown recipes list the known`() throws {
    let error = #expect(throws: CheckpointError.self) { try Recipe.named("Q9_Z") }
    #expect(error?.message.contains("Q4_0") == true)
  }

  /// Rows of 96 fit blocks of 32 but not of 256; rows of 80 fit neither.
  @Test(arguments: [("Q6_K", 96, "Q8_0"), ("Q6_K", 80, "F16"), ("Q4_0", 80, "F16"), ("Q6_K", 256, "Q6_K")])
  func `rows that blocks do not divide fall back as llama-quantize does`(
    name: String, columns: Int, expected: String
  ) throws {
    let folder = try TemporaryFolder()
    let writer = try GGUFWriter(
      path: folder.file("odd.gguf"), metadata: Metadata([("general.architecture", .string("odd"))]),
      tensors: [TensorDescription(name: "blk.0.ffn_up.weight", type: .f32, shape: Shape([2, columns]))])
    try [Float](repeating: 0.5, count: 2 * columns).withUnsafeBytes { try writer.writeTensor(0, $0) }
    _ = try writer.finish()
    var options = ConversionOptions.quantize(try .named(name))
    options.output = folder.file("out.gguf")
    let plan = try Conversion.plan(source: folder.file("odd.gguf"), options: options)
    #expect(plan.files[0].tensors[0].type.name == expected)
    // An architecture nobody knows is converted by general rules, and that is said.
    #expect(plan.notes.contains { $0.contains("odd") && $0.contains("not known") })
    _ = try plan.run()
    #expect(try Containers.open(folder.file("out.gguf")).tensors[0].type.name == expected)
  }

  @Test func `the recipe is recorded in the output`() throws {
    let folder = try TemporaryFolder()
    var options = into(folder, .quantize(try .named("Q4_0")))
    options.overrides = [("ffn_down", .q8_0)]
    try convert(tinyModel, options)
    let metadata = try Containers.open(folder.file("model.gguf")).metadata
    #expect(metadata.string("quern.recipe") == "Q4_0; head=Q6_K; /ffn_down/=Q8_0")
    #expect(metadata.string("quern.version") == quernVersion)
  }

  @Test func `default names follow the convention`() throws {
    let plan = try Conversion.plan(source: tinyModel, options: .quantize(try .named("Q8_0")))
    #expect(plan.files.map(\.path) == ["tiny-qwen3.5-Q8_0.gguf", "mmproj-tiny-qwen3.5-F16.gguf"])
    let kept = try Conversion.plan(source: tinyModel, options: .convert(to: nil))
    #expect(kept.files.map(\.path) == ["tiny-qwen3.5-BF16.gguf", "mmproj-tiny-qwen3.5-BF16.gguf"])
  }
}
