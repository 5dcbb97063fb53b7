import Conversion
import Quants
import TestSupport
import Testing

/// `--pure TYPE` and `--tensor PATTERN=TYPE` mean the block type, whatever the mix of that name is based on.
struct ExactTypeTests {
  private static let types = Recipe.available.filter { TensorType(name: $0) != nil }

  /// `--pure IQ2_S` wrote IQ2_XS.
  @Test(arguments: types + ["Q3_K", "Q4_K", "Q5_K"])
  func `pure is exactly the type`(name: String) throws {
    let type = try #require(TensorType(name: name))
    let recipe = try Recipe.named(name.lowercased(), pure: true)
    #expect(recipe.base == type && recipe.name == type.name && recipe.rules.isEmpty && recipe.baseNote == nil)
    #expect(recipe.fileType == Recipe.fileType(of: type))
    let folder = try TemporaryFolder()
    var options = into(folder, .quantize(recipe))
    options.guide = try ImportanceGuide(path: goldenImportance)
    options.vision = false
    options.mtp = false
    // The tables have no importance, and some types are nothing without.
    if type.codec?.needsImportance == true { options.overrides = [("token_embd|ssm_(alpha|beta)", .q8_0)] }
    let plan = try Conversion.plan(source: tinyModel, options: options)
    for tensor in plan.files[0].tensors where tensor.guidance != .none && !tensor.name.contains("ssm_") {
      #expect(tensor.type == type, "\(tensor.name)")
    }
  }

  @Test func `a pattern's type is exact`() throws {
    let folder = try TemporaryFolder()
    var options = into(folder, .quantize(try .named("Q4_K_M")))
    options.guide = try ImportanceGuide(path: goldenImportance)
    options.overrides = [("ffn_up", try #require(TensorType(name: "IQ2_S")))]
    let plan = try Conversion.plan(source: tinyModel, options: options)
    #expect(plan.files[0].tensors.first { $0.name == "blk.0.ffn_up.weight" }?.type.name == "IQ2_S")
  }

  /// Only one published mix is called like a type and based on another.
  @Test func `a mix with another base says so`() throws {
    let told = try Recipe.available.filter { try Recipe.named($0).baseNote != nil }
    #expect(told == ["IQ2_S"])
    let folder = try TemporaryFolder()
    var options = into(folder, .quantize(try .named("IQ2_S")))
    options.guide = try ImportanceGuide(path: goldenImportance)
    let plan = try Conversion.plan(source: tinyModel, options: options)
    #expect(plan.notes.contains { $0.contains("the recipe IQ2_S has the base type IQ2_XS") })
    // A recipe of one's own may do the same.
    let own = try Recipe(text: "recipe Q4_K\nbase Q3_K")
    #expect(own.baseNote?.contains("the recipe Q4_K has the base type Q3_K") == true)
  }
}
