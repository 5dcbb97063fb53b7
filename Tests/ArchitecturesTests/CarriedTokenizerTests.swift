import Architectures
import Containers
import Quants
import Base
import TestSupport
import Testing
import Tokenizers

/// A tokenizer that went through GGUF gives the ids of the folder it came from.
@Suite struct CarriedTokenizerTests {
  struct Variant: Sendable, CustomTestStringConvertible {
    let name: String
    let changes: OrderedJSON
    let cases: [OrderedJSON]
    var testDescription: String { name }

    /// The tiny model's tokenizer.json with the variant's parts.
    func document() throws -> OrderedJSON {
      var document = try #require(try Fixtures.json("tiny-qwen3.5/tokenizer.json").objectValue)
      for (key, value) in changes.objectValue?.entries ?? [] {
        guard key == "model" else {
          document[key] = value
          continue
        }
        var model = try #require(document["model"]?.objectValue)
        for (name, part) in value.objectValue?.entries ?? [] { model[name] = part }
        document["model"] = .object(model)
      }
      return .object(document)
    }
  }

  static let variants: [Variant] = {
    let list = try? Fixtures.json("golden/tokenizer/variants.json")["variants"]?.arrayValue
    let known = (list ?? []).map {
      Variant(
        name: $0["name"]?.stringValue ?? "", changes: $0["changes"] ?? .null, cases: $0["cases"]?.arrayValue ?? [])
    }
    return known + [
      Variant(name: "no normalizer, named pattern", changes: .object(["normalizer": .null]), cases: []),
      Variant(name: "literal, removed", changes: split(["String": .string(" ")], "Removed", false), cases: []),
      Variant(name: "inverted", changes: split(["Regex": .string(#"\w+"#)], "Removed", true), cases: []),
      Variant(name: "merged", changes: split(["Regex": .string(#"\p{N}"#)], "MergedWithPrevious", false), cases: []),
    ]
  }()

  private static func split(_ pattern: OrderedObject, _ behavior: String, _ isInverted: Bool) -> OrderedJSON {
    let stage: OrderedObject = [
      "type": .string("Split"), "pattern": .object(pattern), "behavior": .string(behavior), "invert": .bool(isInverted),
    ]
    let bytes: OrderedObject = [
      "type": .string("ByteLevel"), "add_prefix_space": .bool(false), "use_regex": .bool(false),
    ]
    let sequence: OrderedObject = [
      "type": .string("Sequence"), "pretokenizers": .array([.object(stage), .object(bytes)]),
    ]
    return .object(["pre_tokenizer": .object(sequence)])
  }

  /// The metadata a converter writes for a tokenizer.json.
  private func metadata(_ json: OrderedJSON) throws -> Metadata {
    let document = try TokenizerDocument(json)
    let tokenizer = try Tokenizer(document)
    var metadata = Metadata([("general.architecture", .string("qwen35"))])
    for (key, value) in try tokenizer.ggufEntries(rows: 5000, chatTemplate: nil) {
      metadata[key] = value
    }
    let rest = document.rest.serialized(pretty: false)
    metadata[GGUFKeys.document] = .string(String(decoding: rest, as: UTF8.self))
    return metadata
  }

  private func read(_ metadata: Metadata) throws -> Tokenizer {
    let folder = try TemporaryFolder()
    let tensor = TensorDescription(name: "x", type: .f32, shape: Shape([1]))
    let writer = try GGUFWriter(path: folder.file("a.gguf"), metadata: metadata, tensors: [tensor])
    try [UInt8](repeating: 0, count: 4).withUnsafeBytes { try writer.writeTensor(0, $0) }
    _ = try writer.finish()
    return try TokenizerSource.open(folder.file("a.gguf")).tokenizer
  }

  private static let texts = [
    "e\u{301}t\u{e9} \u{1100}\u{1161}", "one two  three\n\n 12345 it's", "<|im_start|>user\n <think> x</think>",
    " a b ",
  ]

  @Test(arguments: variants) func `the ids are the folder's`(_ variant: Variant) throws {
    let json = try variant.document()
    let before = try Tokenizer(tokenizerJSON: json)
    let after = try read(try metadata(json))
    for text in Self.texts + variant.cases.compactMap({ $0["text"]?.stringValue }) {
      #expect(try after.encode(text) == (try before.encode(text)), "\(text.debugDescription)")
    }
  }

  @Test func `a carried document that contradicts the name is refused`() throws {
    var metadata = try metadata(try Fixtures.json("tiny-qwen3.5/tokenizer.json"))
    metadata["tokenizer.ggml.pre"] = .string("gpt-2")
    let error = #expect(throws: CheckpointError.self) { try read(metadata) }
    #expect(error?.code == .mismatch && error?.message.contains("gpt-2") == true)
  }

  @Test func `a carried document that is not JSON is refused, naming the key`() throws {
    var metadata = try metadata(try Fixtures.json("tiny-qwen3.5/tokenizer.json"))
    metadata[GGUFKeys.document] = .string("{")
    let error = #expect(throws: CheckpointError.self) { try read(metadata) }
    #expect(error?.message.contains(GGUFKeys.document) == true)
  }
}
