import Containers
import Conversion
import Foundation
import Quants
import TestSupport
import Base
import Testing

/// Documents of a restored folder say what is there, and nothing else.
struct RestoredDocumentTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try convert(tinyModel, into(folder, .convert(to: .bf16)))
  }

  private var text: String { folder.file("model.gguf") }
  private var both: String { text + "," + folder.file("mmproj-model.gguf") }

  private func restore(_ source: String, mtp: Bool = true) throws -> (folder: HuggingFaceFolder, notes: [String]) {
    var options = ConversionOptions.convert(to: nil)
    options.target = .safetensors
    options.output = folder.file("back-\(UUID().uuidString)")
    options.mtp = mtp
    let plan = try Conversion.plan(source: source, options: options)
    _ = try plan.run(threads: 2)
    return (try HuggingFaceFolder(path: try #require(options.output)), plan.notes)
  }

  /// Writes a GGUF again with other metadata.
  private func alter(_ path: String, _ change: (inout Metadata) -> Void) throws -> String {
    let source = try Containers.open(path)
    var metadata = source.metadata
    change(&metadata)
    let output = folder.file("altered-\(UUID().uuidString).gguf")
    let writer = try GGUFWriter(
      path: output, metadata: metadata,
      tensors: source.tensors.map { TensorDescription(name: $0.name, type: $0.type, shape: $0.shape) })
    for (index, tensor) in source.tensors.enumerated() { try writer.copyTensor(index, from: tensor) }
    _ = try writer.finish()
    return output
  }

  @Test func `config.json counts the MTP layers that are restored`() throws {
    for (source, carried) in [(both, true), (try alter(text) { $0.removeAll(prefix: "quern.") }, false)] {
      let restored = try restore(source, mtp: false)
      let config = try #require(restored.folder.config)
      #expect((config["text_config"] ?? config)["mtp_num_hidden_layers"] == .integer(0))
      #expect(restored.notes.contains { $0.contains("mtp_num_hidden_layers is 0") } == carried)
    }
    // The way round that is found in the wild: no count, and the tensors are there.
    let silent = try alter(text) { metadata in
      let config = metadata.string("quern.huggingface.config") ?? ""
      metadata["quern.huggingface.config"] = .string(config.replacing("mtp_num_hidden_layers", with: "mtp_layers"))
    }
    let restored = try restore(silent + "," + folder.file("mmproj-model.gguf"))
    #expect(restored.folder.config?["text_config"]?["mtp_num_hidden_layers"] == .integer(1))
  }

  @Test func `a restore without its vision encoder is a text model`() throws {
    for source in [text, try alter(text) { $0.removeAll(prefix: "quern.") }] {
      let restored = try restore(source)
      let config = try #require(restored.folder.config)
      #expect(config["model_type"] == .string("qwen3_5_text"))
      #expect(config["architectures"] == .array([.string("Qwen3_5ForCausalLM")]))
      #expect(config["vision_config"] == nil && config["text_config"] == nil && config["image_token_id"] == nil)
      #expect(config["hidden_size"] == .integer(256) && config["tie_word_embeddings"] == .bool(true))
      #expect(config["rope_parameters"]?["mrope_section"] != nil && config["mtp_num_hidden_layers"] == .integer(1))
      // It is a source like any other.
      try convert(
        restored.folder.path, into(folder, .convert(to: .bf16), "again-\(config.objectValue?.keys.count ?? 0)"))
    }
    #expect(try restore(text).notes.contains { $0.contains("qwen3_5_text") })
    let whole = try restore(both)
    #expect(whole.folder.config?["vision_config"] != nil)
    #expect(!whole.notes.contains { $0.contains("config.json") })
  }

  @Test func `named chat templates come back`() throws {
    let model = try AlteredModel()
    // Its folder goes with it.
    defer { withExtendedLifetime(model) {} }
    let source = try model.write()
    try makeFolder(source + "/additional_chat_templates")
    try Data("TOOLS".utf8).write(to: URL(filePath: source + "/additional_chat_templates/tool_use.jinja"))
    let before = try HuggingFaceFolder(path: source)
    var options = into(folder, .convert(to: .bf16), "named")
    options.vision = false
    try convert(source, options)
    let after = try restore(folder.file("named.gguf")).folder
    #expect(after.chatTemplate == before.chatTemplate && after.chatTemplate != nil)
    #expect(after.namedChatTemplates.map(\.name) == ["tool_use"])
    #expect(after.namedChatTemplates.map(\.template) == ["TOOLS"])
    #expect(after.notes.isEmpty)
  }

  @Test func `a chat template listed twice is written once`() throws {
    let model = try AlteredModel()
    defer { withExtendedLifetime(model) {} }
    let source = try model.write()
    let list = ["A", "B"].map { #"{"name":"tool_use","template":"\#($0)"}"# }.joined(separator: ",")
    for name in ["chat_template.jinja", "tokenizer_config.json"] {
      try FileManager.default.removeItem(atPath: source + "/" + name)
    }
    let original = try Fixtures.json("tiny-qwen3.5/tokenizer_config.json").objectValue ?? OrderedObject()
    var configuration = original
    configuration["chat_template"] = try OrderedJSON(parsing: Array("[\(list)]".utf8), file: "list")
    try Data(OrderedJSON.object(configuration).serialized()).write(to: URL(filePath: source + "/tokenizer_config.json"))
    var options = into(folder, .convert(to: .bf16), "twice")
    options.vision = false
    let plan = try Conversion.plan(source: source, options: options)
    #expect(plan.notes.contains { $0.contains("chat template tool_use twice") })
    _ = try plan.run(threads: 2)
    let written = try Containers.open(folder.file("twice.gguf")).metadata
    #expect(written.string("tokenizer.chat_template.tool_use") == "B")
  }

  private func makeFolder(_ path: String) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }
}
