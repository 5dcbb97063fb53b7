import Base
import Containers
import Conversion
import Foundation
import Quants
import TestSupport
import Testing

/// From a Hugging Face folder to one as the family publishes it.
struct CleanFolderTests {
  private func clean(
    _ source: String, into folder: TemporaryFolder, _ change: (inout ConversionOptions) -> Void = { _ in }
  ) throws -> Checkpoint {
    var options = ConversionOptions.convert(to: nil)
    options.target = .safetensors
    options.output = folder.file("clean")
    change(&options)
    try convert(source, options)
    return try Containers.open(folder.file("clean"))
  }

  private func document(_ folder: String, _ name: String) throws -> Data {
    try Data(contentsOf: URL(filePath: folder + "/" + name))
  }

  @Test func `a published folder stays as it is, tensor by tensor and text by text`() throws {
    let folder = try TemporaryFolder()
    _ = try clean(tinyModel, into: folder)
    #expect(try fingerprint(folder.file("clean")) == fingerprint(tinyModel))
    for name in [
      "config.json", "tokenizer.json", "tokenizer_config.json", "preprocessor_config.json", "chat_template.jinja",
      "vocab.json", "merges.txt",
    ] { #expect(try document(folder.file("clean"), name) == document(tinyModel, name), "\(name)") }
  }

  @Test func `names that savers changed become the published ones`() throws {
    let folder = try TemporaryFolder()
    var model = try AlteredModel()
    for index in model.tensors.indices {
      let name = model.tensors[index].name
      if name.hasPrefix("model.language_model.") {
        model.tensors[index].name = "module.language_model.model." + name.dropFirst("model.language_model.".count)
      } else if name.hasPrefix("model.visual.") {
        model.tensors[index].name = "vision_tower." + name.dropFirst("model.visual.".count)
      }
    }
    _ = try clean(try model.write(), into: folder)
    #expect(try fingerprint(folder.file("clean")) == fingerprint(tinyModel))
  }

  @Test func `shards are of the size asked for`() throws {
    let folder = try TemporaryFolder()
    let result = try clean(tinyModel, into: folder) { $0.splitSize = 5_000_000 }
    #expect(result.files.count > 2)
    #expect(FileManager.default.fileExists(atPath: folder.file("clean/model.safetensors.index.json")))
    #expect(try fingerprint(folder.file("clean")) == fingerprint(tinyModel))
  }

  @Test func `another type is that of matrices and of the configuration`() throws {
    let folder = try TemporaryFolder()
    let result = try clean(tinyModel, into: folder) { $0.recipe = .conversion(to: .f32) }
    let before = try Containers.open(tinyModel)
    for tensor in result.tensors {
      let source = try before.tensor(tensor.name)
      #expect(tensor.type == (source.shape.rank > 1 ? .f32 : source.type), "\(tensor.name)")
      #expect(try tensor.readFloats() == source.readFloats(), "\(tensor.name)")
    }
    let config = try #require(result.folder?.config)
    #expect((config["text_config"]?["dtype"] ?? config["dtype"])?.stringValue == "float32")
  }

  @Test func `parts that are left out leave the configuration too`() throws {
    let folder = try TemporaryFolder()
    let result = try clean(tinyModel, into: folder) { $0.mtp = false }
    #expect(!result.tensors.contains { $0.name.hasPrefix("mtp.") })
    #expect(result.folder?.config?["text_config"]?["mtp_num_hidden_layers"]?.intValue == 0)
    let text = try clean(tinyModel, into: try TemporaryFolder()) { $0.vision = false }
    #expect(!text.tensors.contains { $0.name.contains("visual") })
    #expect(text.folder?.config?["vision_config"] == nil && text.folder?.config?["text_config"] == nil)
  }

  @Test func `templates of a folder of their own become a list`() throws {
    let (folder, place) = (try TemporaryFolder(), try TemporaryFolder())
    let source = try AlteredModel().write(into: place)
    try FileManager.default.createDirectory(
      atPath: source + "/additional_chat_templates", withIntermediateDirectories: true)
    try Data("{{ tools }}".utf8).write(to: URL(filePath: source + "/additional_chat_templates/tool_use.jinja"))
    let before = try HuggingFaceFolder(path: source)
    let after = try #require(try clean(source, into: folder).folder)
    #expect(after.chatTemplate == before.chatTemplate && after.namedChatTemplates.map(\.name) == ["tool_use"])
    #expect(after.namedChatTemplates.map(\.template) == ["{{ tools }}"])
  }

  @Test func `the source's folder is not written into, and nothing is joined to it`() throws {
    let (folder, place) = (try TemporaryFolder(), try TemporaryFolder())
    let source = try AlteredModel().write(into: place)
    let error = #expect(throws: CheckpointError.self) {
      _ = try clean(source, into: folder) {
        $0.output = source
        $0.overwrite = true
      }
    }
    #expect(error?.code == .exists && error?.message.contains("the model is read from this folder") == true)
    var options = ConversionOptions.convert(to: nil)
    options.target = .safetensors
    let joined = #expect(throws: CheckpointError.self) {
      try Conversion.plan(source: source + "," + tinyModel, options: options)
    }
    #expect(joined?.message == "only GGUF files can be joined")
  }
}
