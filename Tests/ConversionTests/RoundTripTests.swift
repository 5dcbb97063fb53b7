import Containers
import Conversion
import Foundation
import Quants
import TestSupport
import Base
import Testing

/// Back from GGUF to what was there.
struct RoundTripTests {
  private func restore(_ source: String, to path: String, type: TensorType? = nil) throws {
    var options = ConversionOptions.convert(to: type)
    options.target = .safetensors
    options.output = path
    try convert(source, options)
  }

  @Test(arguments: ["F32", "BF16"])
  func `safetensors to GGUF and back is bit for bit`(type: String) throws {
    let folder = try TemporaryFolder()
    try convert(tinyModel, into(folder, .convert(to: TensorType(name: type))))
    let gguf = folder.file("model.gguf") + "," + folder.file("mmproj-model.gguf")
    try restore(gguf, to: folder.file("back"))
    let before = try fingerprint(tinyModel)
    let after = try fingerprint(folder.file("back"))
    #expect(Set(before.keys) == Set(after.keys))
    let different = before.keys.filter { before[$0] != after[$0] }.sorted()
    // GGUF keeps these as a sum and an exponential, which several values can give.
    let inexact = different.filter { !$0.hasSuffix("norm.weight") && !$0.hasSuffix("A_log") && !$0.contains("_norm_") }
    #expect(inexact == [])
    // Whatever came back gives the same GGUF again.
    try convert(folder.file("back"), into(folder, .convert(to: TensorType(name: type)), "again"))
    #expect(try fingerprint(folder.file("again.gguf")) == fingerprint(folder.file("model.gguf")))
    #expect(try fingerprint(folder.file("mmproj-again.gguf")) == fingerprint(folder.file("mmproj-model.gguf")))
  }

  @Test func `counts the norms and decay rates that come back exactly`() throws {
    let folder = try TemporaryFolder()
    try convert(tinyModel, into(folder, .convert(to: .bf16)))
    try restore(folder.file("model.gguf"), to: folder.file("back"))
    let (before, after) = (try Containers.open(tinyModel), try Containers.open(folder.file("back")))
    var counts: [String: (exact: Int, all: Int)] = [:]
    for tensor in after.tensors where tensor.name.hasSuffix("A_log") || tensor.name.contains("norm") {
      if tensor.name.hasSuffix("linear_attn.norm.weight") { continue }
      let kind = tensor.name.hasSuffix("A_log") ? "A_log" : "norm"
      let pairs = zip(try #require(before[tensor.name]).readFloats(), try tensor.readFloats())
      for (a, b) in pairs {
        counts[kind, default: (0, 0)].all += 1
        if a == b { counts[kind, default: (0, 0)].exact += 1 }
      }
    }
    print("exact: \(counts)")
    let norm = try #require(counts["norm"])
    #expect(norm.exact * 100 >= norm.all * 99)
    let rate = try #require(counts["A_log"])
    #expect(rate.all == 24)
  }

  @Test(arguments: ["F32", "F16", "BF16"])
  func `GGUF to safetensors and back is byte for byte`(type: String) throws {
    let folder = try TemporaryFolder()
    try convert(tinyModel, into(folder, .convert(to: TensorType(name: type))))
    try restore(folder.file("model.gguf") + "," + folder.file("mmproj-model.gguf"), to: folder.file("back"))
    try convert(folder.file("back"), into(folder, .convert(to: TensorType(name: type)), "again"))
    #expect(try fingerprint(folder.file("again.gguf")) == fingerprint(folder.file("model.gguf")))
    #expect(try fingerprint(folder.file("mmproj-again.gguf")) == fingerprint(folder.file("mmproj-model.gguf")))
    // Only the name, which is that of the folder, differs.
    var before = try Containers.open(folder.file("model.gguf")).metadata
    var after = try Containers.open(folder.file("again.gguf")).metadata
    (before["general.name"], after["general.name"]) = (nil, nil)
    before.remove("quern.huggingface.types")
    after.remove("quern.huggingface.types")
    let isSame = before == after
    #expect(isSame)
  }

  @Test func `documents come back`() throws {
    let folder = try TemporaryFolder()
    try convert(tinyModel, into(folder, .quantize(try .named("Q4_0"))))
    try restore(folder.file("model.gguf") + "," + folder.file("mmproj-model.gguf"), to: folder.file("back"))
    // Weights of blocks come back as F32, and the configuration says so.
    let config = try String(contentsOf: URL(filePath: folder.file("back/config.json")), encoding: .utf8)
    let json = try Fixtures.json("tiny-qwen3.5/config.json").serialized(pretty: true, nonFinite: true)
    let expected = String(decoding: json, as: UTF8.self).replacing("\"bfloat16\"", with: "\"float32\"")
    #expect(config == expected)
    for name in ["tokenizer_config.json", "preprocessor_config.json", "chat_template.jinja"] {
      #expect(
        try Data(contentsOf: URL(filePath: folder.file("back/" + name)))
          == Data(contentsOf: URL(filePath: tinyModel + "/" + name)), "\(name)")
    }
    func tokenizer(_ path: String) throws -> OrderedJSON {
      try OrderedJSON(parsing: #require(try HuggingFaceFolder(path: path).tokenizerJSON()), file: path)
    }
    let original = try tokenizer(tinyModel)
    let restored = try tokenizer(folder.file("back"))
    #expect(original["added_tokens"] == restored["added_tokens"])
    let (a, b) = (
      try #require(original["model"]?["vocab"]?.objectValue), try #require(restored["model"]?["vocab"]?.objectValue)
    )
    #expect(a.entries.count == b.entries.count)
    #expect(a.entries.allSatisfy { b[$0.key] == $0.value })
    #expect(original["model"]?["merges"] == restored["model"]?["merges"])
    #expect(original["pre_tokenizer"] == restored["pre_tokenizer"])
  }

  /// A GGUF of another program carries no documents; they are rebuilt from its metadata.
  @Test func `documents are rebuilt when the file carries none`() throws {
    let folder = try TemporaryFolder()
    try convert(tinyModel, into(folder, .convert(to: .bf16)))
    for (name, bare) in [("model", "bare"), ("mmproj-model", "mmproj-bare")] {
      let checkpoint = try Containers.open(folder.file(name + ".gguf"))
      var metadata = checkpoint.metadata
      metadata.removeAll(prefix: "quern.")
      let writer = try GGUFWriter(
        path: folder.file(bare + ".gguf"), metadata: metadata,
        tensors: checkpoint.tensors.map { TensorDescription(name: $0.name, type: $0.type, shape: $0.shape) })
      for (index, tensor) in checkpoint.tensors.enumerated() { try writer.copyTensor(index, from: tensor) }
      _ = try writer.finish()
    }
    try restore(folder.file("bare.gguf") + "," + folder.file("mmproj-bare.gguf"), to: folder.file("back"))
    try convert(folder.file("back"), into(folder, .convert(to: .bf16), "again"))
    #expect(try fingerprint(folder.file("again.gguf")) == fingerprint(folder.file("model.gguf")))
    #expect(try fingerprint(folder.file("mmproj-again.gguf")) == fingerprint(folder.file("mmproj-model.gguf")))
    var before = try Containers.open(folder.file("bare.gguf")).metadata
    var after = try Containers.open(folder.file("again.gguf")).metadata
    for key in ["general.name"] { (before[key], after[key]) = (nil, nil) }
    after.removeAll(prefix: "quern.")
    #expect(before == after)
  }

  @Test func `a quantized file restores without further loss`() throws {
    let folder = try TemporaryFolder()
    try convert(tinyModel, into(folder, .quantize(try .named("Q8_0"))))
    try restore(folder.file("model.gguf"), to: folder.file("back"))
    try convert(folder.file("back"), into(folder, .quantize(try .named("Q8_0")), "again"))
    #expect(try fingerprint(folder.file("again.gguf")) == fingerprint(folder.file("model.gguf")))
  }

  @Test func `reading a GGUF and writing it is byte identical`() throws {
    let folder = try TemporaryFolder()
    try convert(tinyModel, into(folder, .quantize(try .named("Q4_0"))))
    try convert(folder.file("model.gguf"), into(folder, .convert(to: nil), "copy"))
    #expect(try sha256(file: folder.file("copy.gguf")) == sha256(file: folder.file("model.gguf")))
    var options = into(folder, .convert(to: nil), "split")
    options.splitSize = 1 << 20
    let report = try convert(folder.file("model.gguf"), options)
    #expect(report.files.count > 2)
    try convert(report.files[0].path, into(folder, .convert(to: nil), "merged"))
    #expect(try sha256(file: folder.file("merged.gguf")) == sha256(file: folder.file("model.gguf")))
  }
}
