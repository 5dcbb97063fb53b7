import Containers
import Tensors
import TestSupport
import Testing

@Suite struct HuggingFaceTests {
  private func put(_ text: String, _ path: String) throws {
    let writer = try AtomicWriter(path: path, overwrite: true)
    try writer.write(Array(text.utf8))
    try writer.finish()
  }

  @Test(arguments: [
    ("chat_template.jinja", "J"), ("chat_template.json", #"{"chat_template":"J"}"#),
    ("tokenizer_config.json", #"{"chat_template":"J"}"#),
    (
      "tokenizer_config.json",
      #"{"chat_template":[{"name":"tool_use","template":"T"},{"name":"default","template":"J"}]}"#
    ),
  ])
  func `The chat template is found in all its places`(name: String, text: String) throws {
    let folder = try TemporaryFolder()
    try put(text, folder.file(name))
    let found = try HuggingFaceFolder(path: folder.path)
    #expect(found.chatTemplate == "J")
    #expect(found.namedChatTemplates.map(\.name) == (text.contains("tool_use") ? ["tool_use"] : []))
  }

  @Test func `The file beats the configuration`() throws {
    let folder = try TemporaryFolder()
    try put("A", folder.file("chat_template.jinja"))
    try put(#"{"chat_template":"B"}"#, folder.file("tokenizer_config.json"))
    #expect(try HuggingFaceFolder(path: folder.path).chatTemplate == "A")
  }

  @Test(arguments: [
    (#"{"quantization_config":{"quant_method":"gptq","bits":4}}"#, "GPTQ"),
    (#"{"text_config":{"quantization_config":{"quant_method":"awq"}}}"#, "AWQ"),
    (#"{"quantization":{"group_size":64,"bits":4}}"#, "MLX"),
    (#"{"quantization_config":{"group_size":64,"bits":4}}"#, "MLX"),
    (#"{"quantization_config":{"quant_method":"new-one"}}"#, "new-one"),
  ])
  func `Packed weights are recognised by the configuration`(config: String, scheme: String) throws {
    let folder = try TemporaryFolder()
    try put(config, folder.file("config.json"))
    #expect(try HuggingFaceFolder(path: folder.path).packedScheme == scheme)
  }

  @Test(arguments: [
    ("Qwen/Qwen3.5-0.8B", true), ("a/b", true), ("a", false), ("a/b/c", false), ("../b", false), ("a/..", false),
    ("a/", false), ("/a", false), ("./model", false), ("a b/c", false), ("-a/b", false),
  ])
  func `Model ids have the hub's form`(text: String, expected: Bool) {
    #expect(HubCache.isModelID(text) == expected)
  }

  @Test func `A snapshot is found through refs/main, or when it is the only one`() throws {
    let folder = try TemporaryFolder()
    let model = folder.file("models--Qwen--Tiny")
    try makeFolder(model + "/refs")
    try makeFolder(model + "/snapshots/abc")
    #expect(try HubCache.snapshot(of: "Qwen/Tiny", root: folder.path) == model + "/snapshots/abc")
    try makeFolder(model + "/snapshots/def")
    try put("def\n", model + "/refs/main")
    #expect(try HubCache.snapshot(of: "Qwen/Tiny", root: folder.path) == model + "/snapshots/def")
    try put("../../..", model + "/refs/main")
    let error = #expect(throws: CheckpointError.self) {
      _ = try HubCache.snapshot(of: "Qwen/Tiny", root: folder.path)
    }
    #expect(error?.description.contains("2 snapshots") == true)
  }

  @Test func `A model that was not downloaded is said to be missing`() throws {
    let folder = try TemporaryFolder()
    let error = #expect(throws: CheckpointError.self) {
      _ = try HubCache.snapshot(of: "Qwen/Absent", root: folder.path)
    }
    #expect(error?.code == .missing)
    #expect(error?.description.contains("download it first") == true)
  }

  @Test(arguments: [("500M", 500_000_000), ("2G", 2_000_000_000), ("7", 7), ("1k", 1_000), ("3GB", 3_000_000_000)])
  func `Sizes are decimal`(text: String, bytes: Int) throws {
    #expect(try ByteSize.parse(text) == UInt64(bytes))
  }

  @Test(arguments: ["", "G", "-1", "0", "1.5G", "99999999999T", "2GG", "2X"])
  func `What is no size is refused`(text: String) {
    #expect(throws: CheckpointError.self) { _ = try ByteSize.parse(text) }
  }
}
