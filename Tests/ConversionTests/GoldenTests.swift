import Containers
import Conversion
import Quants
import Base
import TestSupport
import Testing

/// What quern writes against what the reference converter and llama-quantize wrote.
struct GoldenTests {
  @Test(
    arguments: [
      ("BF16", true, "gguf-bf16", nil), ("F16", true, "gguf-f16", "mmproj-f16"),
      ("F32", true, "gguf-f32", "mmproj-f32"),
      ("BF16", false, "gguf-bf16-no-mtp", nil), ("Q8_0", true, nil, "mmproj-q8_0"),
    ] as [(String, Bool, String?, String?)])
  func `converts to the reference's tensors and metadata`(
    type: String, mtp: Bool, text: String?, vision: String?
  ) throws {
    let folder = try TemporaryFolder()
    var options = into(folder, .convert(to: TensorType(name: type)))
    options.mtp = mtp
    try convert(tinyModel, options)
    if let text { try compare(folder.file("model.gguf"), GoldenManifest("golden/tiny-qwen3.5/\(text).json")) }
    if let vision {
      try compare(folder.file("mmproj-model.gguf"), GoldenManifest("golden/tiny-qwen3.5/\(vision).json"))
    }
  }

  @Test(arguments: ["F16", "BF16", "Q8_0", "Q4_0", "Q6_K"])
  func `quantizes to the reference's bytes, in one pass and in two`(name: String) throws {
    let folder = try TemporaryFolder()
    let golden = try #require(try Fixtures.json("golden/tiny-qwen3.5/recipes.json")[name])
    let tensors = try #require(golden["tensors"]?.objectValue)
    try convert(tinyModel, into(folder, .quantize(try .named(name)), "one"))
    try convert(tinyModel, into(folder, .convert(to: .bf16), "bf16"))
    try convert(folder.file("bf16.gguf"), into(folder, .quantize(try .named(name)), "two"))
    for file in ["one", "two"] {
      let written = try Containers.open(folder.file(file + ".gguf"))
      #expect(written.tensors.count == tensors.entries.count)
      for (name, entry) in tensors.entries {
        let tensor = try #require(written[name], "\(name) is not in \(file)")
        #expect(tensor.type.name == entry.arrayValue?[0].stringValue, "\(file) \(name)")
        #expect(try sha256(tensor) == entry.arrayValue?[1].stringValue, "\(file) \(name)")
      }
      #expect(written.metadata.uint("general.file_type") == golden["file_type"]?.intValue.map(UInt64.init))
    }
    #expect(try sha256(file: folder.file("one.gguf")) == sha256(file: folder.file("two.gguf")))
    #expect(try fingerprint(folder.file("mmproj-one.gguf")).values.contains { $0.hasPrefix("F16") })
  }

  @Test(arguments: ["Q8_0", "Q4_0"])
  func `bytes depend neither on threads nor on kernels`(name: String) throws {
    let folder = try TemporaryFolder()
    var sums: Set<String> = []
    for threads in [1, 2, 7] {
      try convert(tinyModel, into(folder, .quantize(try .named(name)), "t\(threads)"), threads: threads)
      sums.insert(try sha256(file: folder.file("t\(threads).gguf")))
    }
    for kernels in Kernels.available {
      try convert(tinyModel, into(folder, .quantize(try .named(name)), kernels.name), kernels: kernels)
      sums.insert(try sha256(file: folder.file("\(kernels.name).gguf")))
    }
    #expect(sums.count == 1)
  }

  private func compare(_ path: String, _ golden: GoldenManifest) throws {
    let differences = try golden.differences(in: Containers.open(path), besides: ["general.name"])
    #expect(differences.isEmpty)
  }
}
