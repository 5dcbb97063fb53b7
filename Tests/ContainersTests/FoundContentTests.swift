import Containers
import Foundation
import Base
import TestSupport
import Testing

/// What is found in place of a model's files, and what the reference loads all the same.
@Suite struct FoundContentTests {
  private static let mark = Array("\u{FEFF}".utf8)

  private func put(_ bytes: some Sequence<UInt8>, _ path: String) throws {
    try Data(bytes).write(to: URL(filePath: path))
  }

  /// A folder with a small safetensors file and documents.
  private func folder(_ documents: [String: [UInt8]]) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try put(Fixtures.bytes("hostile/index/map-empty/one.safetensors"), folder.file("model.safetensors"))
    for (name, bytes) in documents { try put(bytes, folder.file(name)) }
    return folder
  }

  private func message(_ source: String) -> String {
    do {
      let checkpoint = try Containers.open(source)
      try checkpoint.requirePlainWeights()
      return ""
    } catch {
      return String(describing: error)
    }
  }

  @Test func `a byte-order mark is skipped in every document`() throws {
    let documents = ["config.json", "tokenizer_config.json", "generation_config.json", "preprocessor_config.json"]
    var files = Dictionary(uniqueKeysWithValues: documents.map { ($0, Self.mark + Array("{\"a\": 1}\r\n".utf8)) })
    files["chat_template.jinja"] = Self.mark + Array("{{ a }}".utf8)
    let folder = try folder(files)
    let found = try #require(try Containers.open(folder.path).folder)
    #expect(found.config?["a"]?.intValue == 1 && found.tokenizerConfig?["a"]?.intValue == 1)
    #expect(found.generationConfig?["a"]?.intValue == 1 && found.preprocessorConfig?["a"]?.intValue == 1)
    #expect(found.chatTemplate == "{{ a }}")
  }

  @Test func `a byte-order mark before an index and inside of nothing else`() throws {
    let folder = try folder(["model.safetensors.index.json": Self.mark + Array(#"{"weight_map":{"a":"one"}}"#.utf8)])
    try FileManager.default.moveItem(atPath: folder.file("model.safetensors"), toPath: folder.file("one"))
    #expect(try Containers.open(folder.path).tensors.count == 1)
    #expect(try Containers.open(folder.file("model.safetensors.index.json")).tensors.count == 1)
    try put(Array("{".utf8) + Self.mark + Array("}".utf8), folder.file("config.json"))
    #expect(message(folder.path).contains("a JSON key must be a string"))
  }

  @Test func `numbers as Python writes them are read where Python reads`() throws {
    let text = #"{"a": NaN, "b": [Infinity, -Infinity], "c": 1e999, "d": -1e999, "e": 1.5}"#
    let folder = try folder(["config.json": Array(text.utf8)])
    let config = try #require(try Containers.open(folder.path).folder?.config)
    #expect(config["a"]?.doubleValue?.isNaN == true && config["e"]?.doubleValue == 1.5)
    #expect(config["b"]?.arrayValue?.compactMap(\.doubleValue) == [.infinity, -.infinity])
    #expect(config["c"]?.doubleValue == .infinity && config["d"]?.doubleValue == -.infinity)
    // Written back in the same words; null where JSON has to be JSON.
    let again = #"{"a":NaN,"b":[Infinity,-Infinity],"c":Infinity,"d":-Infinity,"e":1.5}"#
    #expect(String(decoding: config.serialized(nonFinite: true), as: UTF8.self) == again)
    #expect(String(decoding: config.serialized(), as: UTF8.self).hasPrefix(#"{"a":null,"b":[null,null]"#))
  }

  @Test(arguments: ["[NaN]", "[Infinity]", "[-Infinity]", "[1e999]", "[-I]", "[N]"])
  func `elsewhere they are not JSON, and half a word is none anywhere`(text: String) {
    #expect(throws: CheckpointError.self) { try OrderedJSON(parsing: Array(text.utf8), file: "t") }
    if text.utf8.count < 5 {
      #expect(throws: CheckpointError.self) { try OrderedJSON(parsing: Array(text.utf8), file: "t", nonFinite: true) }
    }
  }

  @Test(arguments: [
    "config.json", "tokenizer_config.json", "generation_config.json", "preprocessor_config.json",
    "chat_template.jinja", "chat_template.json",
  ])
  func `a link that leads nowhere is named with its target`(name: String) throws {
    let folder = try folder([:])
    try FileManager.default.createSymbolicLink(atPath: folder.file(name), withDestinationPath: "../../blobs/0a1b")
    let found = message(folder.path)
    #expect(found.contains("\(name): this is a link to ../../blobs/0a1b, and there is no such file"), "\(found)")
  }

  @Test func `links of weights, shards and tokenizers too, and circles`() throws {
    let folder = try TemporaryFolder()
    func link(_ name: String, _ target: String) throws {
      try FileManager.default.createSymbolicLink(atPath: folder.file(name), withDestinationPath: target)
    }
    try link("model.safetensors", "gone")
    #expect(message(folder.path).contains("model.safetensors: this is a link to gone"))
    #expect(message(folder.file("model.safetensors")).contains("this is a link to gone"))
    try link("tokenizer.json", "tokenizer.json")
    let error = #expect(throws: CheckpointError.self) { try HuggingFaceFolder(path: folder.path).tokenizerJSON() }
    #expect(error?.message.contains("this is a link to tokenizer.json") == true)
    try FileManager.default.removeItem(atPath: folder.file("model.safetensors"))
    try put(#"{"weight_map":{"a":"one"}}"#.utf8, folder.file("model.safetensors.index.json"))
    try link("one", "../blobs/one")
    #expect(message(folder.path).contains("one: this is a link to ../blobs/one"))
  }

  @Test func `a download of the cache that was broken off is found`() throws {
    let folder = try TemporaryFolder()
    let snapshot = folder.file("models--a--b/snapshots/0f")
    try makeFolder(snapshot)
    try makeFolder(folder.file("models--a--b/blobs"))
    try put("{}".utf8, snapshot + "/config.json")
    #expect(message(snapshot).contains("holds no weights: neither"))
    try put([0], folder.file("models--a--b/blobs/12ab.incomplete"))
    #expect(message(snapshot).contains("the download is incomplete, there is ../../blobs/12ab.incomplete"))
  }

  @Test func `files of importance and cut ones say what they are`() throws {
    let folder = try TemporaryFolder()
    try put(Fixtures.bytes("hostile/other/lfs-pointer.safetensors"), folder.file("m.imatrix"))
    let error = #expect(throws: CheckpointError.self) { try ImportanceMatrix(path: folder.file("m.imatrix")) }
    #expect(error?.message.contains("Git LFS pointer") == true)
    let whole = try Fixtures.bytes("hostile/gguf/scale-nan-q8_0.gguf")
    try put(whole.dropLast(40), folder.file("cut.gguf"))
    #expect(message(folder.file("cut.gguf")).contains("pass the end of the file"))
    #expect(message(folder.file("cut.gguf")).contains("the download is incomplete"))
    try put([7, 0xA5, 9, 4, 5, 6, 1, 1, 2, 3], folder.file("m.gguf.aria2"))
    #expect(message(folder.file("m.gguf.aria2")).contains("by its name the download is incomplete"))
  }

  @Test func `markup that is a template stays one`() throws {
    let texts = ["<s>{{ a }}", "<|im_start|>", "You are a model", "", "<Errors>{{ a }}"]
    for text in texts {
      let folder = try folder(["chat_template.jinja": Array(text.utf8)])
      #expect(try Containers.open(folder.path).folder?.chatTemplate == text)
    }
  }
}
