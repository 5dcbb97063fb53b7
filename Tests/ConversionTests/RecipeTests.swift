import Containers
import Conversion
import Quants
import TestSupport
import Base
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
    let recorded = try #require(metadata.string("quern.recipe"))
    #expect(
      recorded.hasPrefix("recipe Q4_0; base Q4_0; fallback smaller-blocks; ffn_down first-1/8 importance = Q4_1;"))
    #expect(
      recorded.hasSuffix(
        "; head = Q6_K; head architecture=falcon = Q8_0; "
          + #"architecture=glm5-next /attn_q_a|attn_q_b|nextn\.eh_proj/ = Q8_0; /ffn_down/ = Q8_0"#))
    #expect(try Recipe(text: recorded) == options.fullRecipe)
    #expect(metadata.string("quern.version") == quernVersion)
    #expect(metadata.keys.allSatisfy { !$0.contains("imatrix") && !$0.contains("importance") })
  }

  @Test(arguments: Recipe.available + ["Q4_K", "q3_k"])
  func `a recipe's text is the recipe`(name: String) throws {
    let recipe = try Recipe.named(name)
    #expect(try Recipe(text: recipe.text) == recipe)
    #expect(try Recipe(text: recipe.document) == recipe)
    #expect(recipe.fileType != nil)
    #expect(try Recipe.named(name, pure: true).rules.isEmpty)
  }

  @Test func `the page shows a recipe as it is, and names every condition`() throws {
    let page = String(decoding: try Fixtures.bytes("../formats/recipes.md"), as: UTF8.self)
    #expect(page.contains("```\n" + (try Recipe.named("Q3_K_M").document) + "```"))
    for role in Recipe.Role.allCases { #expect(page.contains("`\(role.rawValue)`"), "\(role)") }
    let table = try #require(page.firstRange(of: "| condition | holds for |")).upperBound
    let words = page[table...].split(separator: "\n").prefix { $0.hasPrefix("|") }.dropFirst().flatMap { line in
      line.split(separator: "|", omittingEmptySubsequences: true)[0].split(separator: ",").map {
        $0.replacing("`", with: "").replacing(" ", with: "")
      }
    }
    #expect(words.count > 20)
    for word in words {
      var word = word.replacing("=NAME", with: "=x").replacing("TYPE", with: "Q4_K").replacing(
        "CONDITION", with: "head")
      if word.hasSuffix("N") { word = String(word.dropLast()) + "3" }
      #expect(throws: Never.self) { try Recipe(text: "recipe x; base source; \(word) = Q8_0") }
    }
  }

  @Test(arguments: ["a/b", #"a\/b"#, #"blk\.\d+\.x; y = #z"#, "line\nfeed", #"\\"#, "e\u{301}", "\u{301}", "=", "!"])
  func `any pattern survives being written`(pattern: String) throws {
    var recipe = try Recipe.named("Q4_K_M")
    recipe.rules += [Recipe.Rule([.pattern(pattern), .not(.pattern(pattern))], .q8_0)]
    let again = try Recipe(text: recipe.text)
    #expect(try Recipe(text: again.text) == again)
    guard case .pattern(let read)? = again.rules.last?.conditions.first else { return #expect(Bool(false)) }
    // The same regular expression, if not always spelled the same.
    for text in ["a/b", "blk.12.x; y = #z", "line\nfeed", "\\", "e\u{301}", "=", "!", "other"] {
      #expect(try text.contains(Regex(read)) == text.contains(Regex(pattern)), "\(pattern) \(text)")
    }
  }

  @Test(
    arguments: [
      ("", "this is not a recipe"), ("recipe x", "base TYPE"), ("base Q4_K", "recipe NAME"),
      ("recipe ../x; base Q4_K", "letters, digits"), ("recipe x\nbase Q4_Z", "line 2: there is no type Q4_Z"),
      ("recipe x; base source; head Q4_K", "line 1: a statement is"),
      ("recipe x; base source; tail = Q4_K", "no condition tail"),
      ("recipe x; base source; /a = Q4_K", "ends with /"),
      ("recipe x; base source; first-0 = Q4_K", "no condition first-0"),
      ("recipe x; base source; fallback none", "fallback is half or smaller-blocks"),
      ("recipe x y; base source", "statement"),
      ("recipe x; base source; first-1/99999999999999999999 = Q4_K", "no condition"),
      ("recipe x; base source; !!head = Q4_K", "no condition"), ("recipe x; base source; = Q4_K", "a statement is"),
    ])
  func `what is not a recipe is refused by line and word`(text: String, words: String) throws {
    let error = #expect(throws: CheckpointError.self) { try Recipe(text: text) }
    #expect(error?.code == .malformed && error?.description.contains(words) == true, "\(error?.description ?? "")")
  }

  @Test func `a recipe of one's own is read from a file`() throws {
    let folder = try TemporaryFolder()
    let writer = try AtomicWriter(path: folder.file("mine"))
    try writer.write(
      Array(
        """
        # halves of a model
        recipe mine
        base Q4_K          # the rest
        ffn_down first-1/2 = Q6_K
        ffn_down !first-1/2 !/blk.8/ = Q5_K
        attn_v first-1 = Q8_0
        embedding = F16    # not the head
        head = Q5_0
        """.utf8))
    try writer.finish()
    let plan = try Conversion.plan(source: tinyModel, options: .quantize(try Recipe(file: folder.file("mine"))))
    let types = Dictionary(uniqueKeysWithValues: plan.files[0].tensors.map { ($0.name, $0.type.name) })
    #expect(plan.files[0].path == "tiny-qwen3.5-mine.gguf")
    #expect(types["blk.3.ffn_down.weight"] == "Q6_K" && types["blk.4.ffn_down.weight"] == "Q5_K")
    #expect(types["blk.8.ffn_down.weight"] == "Q4_K" && types["blk.0.attn_qkv.weight"] == "Q8_0")
    #expect(types["blk.1.attn_qkv.weight"] == "Q4_K" && types["token_embd.weight"] == "Q5_0")
  }

  @Test func `default names follow the convention`() throws {
    let plan = try Conversion.plan(source: tinyModel, options: .quantize(try .named("Q8_0")))
    #expect(plan.files.map(\.path) == ["tiny-qwen3.5-Q8_0.gguf", "mmproj-tiny-qwen3.5-F16.gguf"])
    let kept = try Conversion.plan(source: tinyModel, options: .convert(to: nil))
    #expect(kept.files.map(\.path) == ["tiny-qwen3.5-BF16.gguf", "mmproj-tiny-qwen3.5-BF16.gguf"])
  }
}
