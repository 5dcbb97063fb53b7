import Containers
import Conversion
import Quants
import Base
import TestSupport
import Testing

/// Every file type of llama-quantize, with and without importance, against its own files: types and bytes of every tensor.
struct PublishedRecipeTests {
  /// One file that llama-quantize wrote.
  struct Case: Sendable, CustomTestStringConvertible {
    let golden: String
    let key: String
    var testDescription: String { "\(golden) \(key)" }
    var recipe: String { String(key.prefix { $0 != "." }) }
    var hasImportance: Bool { key.hasSuffix(".imatrix") }
  }

  static let cases: [Case] = ["recipes", "recipes-no-mtp"].flatMap { golden in
    let entries = (try? Fixtures.json("golden/tiny-qwen3.5/\(golden).json"))?.objectValue?.entries ?? []
    return entries.map { Case(golden: golden, key: $0.key) }
  }

  @Test func `the golden files cover every published recipe`() {
    #expect(Self.cases.count == 52)
    let known = Set(Self.cases.map(\.recipe))
    // F32 is a copy here, and there is no tensor for the experts' type; the last two are not llama-quantize's.
    #expect(Set(Recipe.available).subtracting(known) == ["F32", "MXFP4_MOE", "MXFP4", "NVFP4"])
  }

  @Test(arguments: cases)
  func `writes the reference's bytes`(item: Case) throws {
    let golden = try #require(try Fixtures.json("golden/tiny-qwen3.5/\(item.golden).json")[item.key])
    let folder = try TemporaryFolder()
    var options = into(folder, .quantize(try .named(item.recipe)))
    options.vision = false
    options.mtp = item.golden == "recipes"
    if item.hasImportance { options.guide = try ImportanceGuide(path: goldenImportance) }
    try convert(tinyModel, options)
    let written = try Containers.open(folder.file("model.gguf"))
    let tensors = try #require(golden["tensors"]?.objectValue)
    #expect(written.tensors.count == tensors.entries.count)
    for (name, entry) in tensors.entries {
      let tensor = try #require(written[name], "\(name) is missing")
      #expect(tensor.type.name == entry.arrayValue?[0].stringValue, "\(name)")
      #expect(try sha256(tensor) == entry.arrayValue?[1].stringValue, "\(name)")
    }
    #expect(written.metadata.uint("general.file_type") == golden["file_type"]?.intValue.map(UInt64.init))
  }

  /// Bytes with importance depend on whole rows, so on nothing else.
  @Test func `importance in one pass and in two, on any threads`() throws {
    let folder = try TemporaryFolder()
    try convert(tinyModel, into(folder, .convert(to: .bf16), "bf16"))
    var sums: Set<String> = []
    for (index, source) in [tinyModel, tinyModel, folder.file("bf16.gguf")].enumerated() {
      var options = into(folder, .quantize(try .named("Q4_K_M")), "\(index)")
      options.vision = false
      options.guide = try ImportanceGuide(path: goldenImportance)
      try convert(source, options, threads: 1 + 3 * index)
      sums.insert(try sha256(file: folder.file("\(index).gguf")))
    }
    #expect(sums.count == 1)
  }
}

/// The importance that llama-imatrix computed for the tiny model.
let goldenImportance = Fixtures.path("golden/tiny-qwen3.5/imatrix.gguf")
