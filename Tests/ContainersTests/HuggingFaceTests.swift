import Containers
import Base
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
    ("processor_config.json", #"{"chat_template":"J"}"#),
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
    let found = try HuggingFaceFolder(path: folder.path)
    #expect(found.chatTemplate == "A")
    #expect(found.notes.count == 1 && found.notes[0].contains("tokenizer_config.json are left out (default)"))
    try put(#"{"chat_template":"A"}"#, folder.file("tokenizer_config.json"))
    #expect(try HuggingFaceFolder(path: folder.path).notes == [])
  }

  @Test func `The tokenizer's own template beats the processor's`() throws {
    let folder = try TemporaryFolder()
    try put(#"{"chat_template":"B"}"#, folder.file("tokenizer_config.json"))
    try put(#"{"chat_template":"C"}"#, folder.file("processor_config.json"))
    #expect(try HuggingFaceFolder(path: folder.path).chatTemplate == "B")
  }

  /// As in transformers: files take the place of the whole list, and what that leaves out is told.
  @Test func `A list beside the file is left out with a note`() throws {
    let folder = try TemporaryFolder()
    let list = #"{"chat_template":[{"name":"default","template":"D"},{"name":"tool_use","template":"T"}]}"#
    try put(list, folder.file("tokenizer_config.json"))
    try put("D", folder.file("chat_template.jinja"))
    var found = try HuggingFaceFolder(path: folder.path)
    #expect(found.chatTemplate == "D" && found.namedChatTemplates.isEmpty)
    #expect(found.notes.count == 1 && found.notes[0].contains("left out (tool_use)"))
    try makeFolder(folder.file("additional_chat_templates"))
    try put("T", folder.file("additional_chat_templates/tool_use.jinja"))
    found = try HuggingFaceFolder(path: folder.path)
    #expect(found.namedChatTemplates.map(\.template) == ["T"] && found.notes.isEmpty)
  }

  @Test func `Of equal names in a list the last counts, and a file before the list`() throws {
    let folder = try TemporaryFolder()
    let items = [("default", "A"), ("tool_use", "B"), ("default", "C"), ("tool_use", "D")]
    let list = items.map { #"{"name":"\#($0.0)","template":"\#($0.1)"}"# }.joined(separator: ",")
    try put(#"{"chat_template":[\#(list)]}"#, folder.file("tokenizer_config.json"))
    var found = try HuggingFaceFolder(path: folder.path)
    #expect(found.chatTemplate == "C" && found.namedChatTemplates.map(\.template) == ["D"])
    #expect(found.notes.count == 2 && found.notes.allSatisfy { $0.contains("twice: the last one is used") })
    try makeFolder(folder.file("additional_chat_templates"))
    try put("E", folder.file("additional_chat_templates/tool_use.jinja"))
    found = try HuggingFaceFolder(path: folder.path)
    #expect(found.chatTemplate == "C" && found.namedChatTemplates.map(\.template) == ["E"])
    #expect(found.notes.last?.contains("tool_use of tokenizer_config.json is left out") == true)
  }

  @Test func `More templates than sensible are refused`() throws {
    let folder = try TemporaryFolder()
    let list = (0..<300).map { #"{"name":"\#($0)","template":""}"# }.joined(separator: ",")
    try put(#"{"chat_template":[\#(list)]}"#, folder.file("tokenizer_config.json"))
    let error = #expect(throws: CheckpointError.self) { _ = try HuggingFaceFolder(path: folder.path) }
    #expect(error?.message.contains("lists 300 templates; at most 256") == true)
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

  @Test(arguments: [
    ("500M", 500_000_000), ("2G", 2_000_000_000), ("7", 7), ("1k", 1_000), ("3GB", 3_000_000_000), ("4.5M", 4_500_000),
    ("0.0019k", 1), ("1.23456789123456G", 1_234_567_891),
  ])
  func `Sizes are decimal`(text: String, bytes: Int) throws {
    #expect(try ByteSize.parse(text) == UInt64(bytes))
  }

  @Test(arguments: ["", "G", "-1", "0", "1.5", "1.G", ".5G", "1.2.3G", "0.0001k", "1.-5G", "99999999999T", "2GG", "2X"])
  func `What is not a size is refused`(text: String) {
    #expect(throws: CheckpointError.self) { _ = try ByteSize.parse(text) }
  }
}
