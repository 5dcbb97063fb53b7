import Base
import Conversion
import Foundation
import Quants
import Runtime
import TestSupport
import Testing
import Tokenizers

@Suite("Qwen3.5, computed from other files")
struct ForwardGGUFTests {
  @Test("A BF16 GGUF computes what its source computes", arguments: ForwardTests.cases)
  func gguf(name: String) throws {
    let folder = try TemporaryFolder()
    var options = ConversionOptions.convert(to: .bf16)
    options.output = folder.file("tiny.gguf")
    options.vision = false
    _ = try Conversion.plan(source: Fixtures.path("tiny-qwen3.5"), options: options).run(threads: 2)
    let opened = try OpenedModel(folder.file("tiny.gguf"))
    let expected = try Reference().tokens("\(name).input_ids")
    #expect(try opened.tokenizer.encode(opened.tokenizer.decode(expected)) == expected)
    try ForwardTests.check(opened, name)
  }

  /// The tiny model's folder with changed bytes in one of its files.
  private func changed(_ file: String, _ from: String, _ to: String) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"] {
      let path = Fixtures.path("tiny-qwen3.5/\(name)")
      if name != file {
        try FileManager.default.createSymbolicLink(atPath: folder.file(name), withDestinationPath: path)
        continue
      }
      var bytes = try Data(contentsOf: URL(filePath: path))
      let place = try #require(bytes.range(of: Data(from.utf8)))
      bytes.replaceSubrange(place, with: Data(to.utf8))
      try bytes.write(to: URL(filePath: folder.file(name)))
    }
    return folder
  }

  private func failure(_ folder: TemporaryFolder) -> CheckpointError? {
    do throws(CheckpointError) {
      _ = try OpenedModel(folder.path)
      return nil
    } catch {
      return error
    }
  }

  @Test("A tensor that is missing is named")
  func missing() throws {
    let name = "model.language_model.layers.3.self_attn.q_norm.weight"
    let folder = try changed("model.safetensors", name, name.replacing("q_norm", with: "x_norm"))
    let error = try #require(failure(folder))
    #expect(error.code == .missing)
    #expect(error.message.contains(name))
  }

  @Test("A shape that contradicts the configuration is named with both")
  func mismatch() throws {
    let folder = try changed("config.json", "\"intermediate_size\": 512", "\"intermediate_size\": 448")
    let error = try #require(failure(folder))
    #expect(error.code == .mismatch)
    #expect(error.tensor?.contains("mlp.") ?? false)
    #expect(error.message.contains("448") && error.message.contains("512"))
  }
}
