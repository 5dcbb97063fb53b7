import Base
import Containers
import Conversion
import Quants
import TestSupport
import Testing

@Suite("Families, converted")
struct FamilyConversionTests {
  /// What names the folder a converter ran in, and a list that no manifest holds in full.
  private static let free: Set<String> = ["general.name", "general.size_label"]

  @Test("Tensors and metadata are those of llama.cpp's converter", arguments: FamilyGolden.all, ["bf16", "f16"])
  func manifests(family: FamilyGolden, type: String) throws {
    let folder = try TemporaryFolder()
    for variant in ["", "-no-mtp"] where family.has("gguf-\(type)\(variant).json") {
      var options = ConversionOptions.convert(to: TensorType(name: type.uppercased()))
      // Some of the manifests were made without the MTP block, whatever they are called.
      let manifest = try GoldenManifest("families/\(family.name)/gguf-\(type)\(variant).json")
      options.mtp = manifest.metadata.contains { $0.key.hasSuffix("nextn_predict_layers") }
      if family.has("mmproj-f16.json") { options.visionType = .f16 }
      let text = try family.converted(in: folder, type + variant + ".gguf", options)
      try compare(family, "gguf-\(type)\(variant)", text)
      if type == "f16", variant.isEmpty, family.has("mmproj-f16.json") {
        try compare(family, "mmproj-f16", folder.file("mmproj-f16.gguf"))
      }
    }
  }

  @Test(
    "Vision encoders too, in full precision",
    arguments: FamilyGolden.all.filter { $0.has("mmproj-f32.json") })
  func projector(family: FamilyGolden) throws {
    let folder = try TemporaryFolder()
    _ = try family.converted(in: folder, "f32.gguf", .convert(to: .f32))
    try compare(family, "mmproj-f32", folder.file("mmproj-f32.gguf"))
  }

  private func compare(_ family: FamilyGolden, _ manifest: String, _ path: String) throws {
    let golden = try GoldenManifest("families/\(family.name)/\(manifest).json")
    let differences = try golden.differences(in: Containers.open(path), besides: Self.free)
    #expect(differences.isEmpty, "\(family.name) \(manifest)")
  }

  @Test("A folder restored from a GGUF becomes the same GGUF again", arguments: FamilyGolden.all)
  func roundTrip(family: FamilyGolden) throws {
    let folder = try TemporaryFolder()
    let hasPictures = family.has("mmproj-f16.json")
    func sums(_ text: String) throws -> [String] {
      try (hasPictures ? [text, "mmproj-" + text] : [text]).map { try Self.sum(folder.file($0)) }
    }
    let first = try family.converted(in: folder, "one.gguf", .convert(to: .bf16))
    let source = hasPictures ? "\(first),\(folder.file("mmproj-one.gguf"))" : first
    let back = try family.converted(source, in: folder, "model", FamilyGolden.restoring)
    _ = try family.converted(back, in: folder, "two.gguf", .convert(to: .bf16))
    #expect(try sums("one.gguf") == sums("two.gguf"))
  }

  @Test(
    "What a GGUF cannot say is told", arguments: [("mistral", "window of 16 tokens"), ("phi3", "window of 23 tokens")])
  func untold(name: String, words: String) throws {
    let folder = try TemporaryFolder()
    var options = ConversionOptions.convert(to: .bf16)
    options.output = folder.file("model.gguf")
    let plan = try Conversion.plan(source: FamilyGolden(name: name).model, options: options)
    #expect(plan.notes.contains { $0.contains(words) && $0.contains("llama.cpp") })
  }

  @Test("A restored config.json names the type of the weights", arguments: ["qwen3", "llama3"])
  func dtype(name: String) throws {
    let family = FamilyGolden(name: name)
    let folder = try TemporaryFolder()
    let f32 = try family.converted(in: folder, "f32.gguf", .convert(to: .f32))
    for (source, file) in [
      (f32, "own"), (try FamilyGolden.withoutOwnKeys(f32, folder.file("foreign.gguf")), "foreign"),
    ] {
      var options = FamilyGolden.restoring
      options.recipe = .conversion(to: .f16)
      let back = try family.converted(source, in: folder, file, options)
      let json = try OrderedJSON(parsing: try FileSystem.read(back + "/config.json"), file: "config.json")
      #expect((json["dtype"] ?? json["torch_dtype"])?.stringValue == "float16", "\(name) \(file)")
    }
  }

  private static func sum(_ path: String) throws -> String {
    let file = try InputFile(path: path)
    return try file.withBytes(at: 0, count: Int(file.size)) { SHA256Hash.hash($0) }
  }
}
