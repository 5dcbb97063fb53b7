import Base
import Containers
import Conversion
import Foundation
import Quants
import Runtime
import TestSupport
import Testing

/// A small random checkpoint of a family, with the answers of independent programs (`fixtures/README.md`).
struct FamilyGolden: Sendable, CustomTestStringConvertible {
  let name: String
  var testDescription: String { name }

  /// Every family of the fixtures.
  static let all = [
    "gemma3", "gemma3_text", "gpt_oss", "llama2", "llama3", "mistral", "mistral-nemo", "phi3", "phi4-mini", "qwen2",
    "qwen3",
    "qwen3_5_moe", "qwen3_moe", "qwen3_next", "qwen3_vl", "smollm2", "smollm3",
  ].map { FamilyGolden(name: $0) }

  func path(_ file: String) -> String { Fixtures.path("families/\(name)/\(file)") }

  func has(_ file: String) -> Bool { FileManager.default.fileExists(atPath: path(file)) }

  /// The checkpoint.
  var model: String { path("model") }

  /// How far hidden states may be from the definition's, relative to the largest; a recurrence adds in another order.
  var limit: Float { name == "qwen3_next" ? 1e-4 : 1e-5 }

  /// A prompt, its pictures, and what the definition computed.
  struct Case: Sendable {
    let name: String
    let prompt: String
    let images: [String]
    let generated: [Int32]
  }

  struct Reference {
    let cases: [Case]
    let perplexity: Double
    let tensors: GoldenTensors
  }

  func reference() throws -> Reference {
    let json = try Fixtures.json("families/\(name)/reference.json")
    let cases = try #require(json["cases"]?.arrayValue).map { item in
      Case(
        name: try #require(item["name"]?.stringValue), prompt: try #require(item["prompt"]?.stringValue),
        images: (item["images"]?.arrayValue ?? []).compactMap(\.stringValue),
        generated: try #require(item["generated_ids"]?.arrayValue).compactMap { $0.intValue.map(Int32.init) })
    }
    try #require(!cases.isEmpty)
    return Reference(
      cases: cases, perplexity: try #require(json["perplexity.ctx128.windows8"]?.doubleValue),
      tensors: try GoldenTensors("families/\(name)/activations.safetensors"))
  }

  /// The options of a GGUF that becomes a folder again.
  static var restoring: ConversionOptions {
    var options = ConversionOptions.convert(to: nil)
    options.target = .safetensors
    return options
  }

  /// The same GGUF without keys of ours.
  static func withoutOwnKeys(_ path: String, _ output: String) throws -> String {
    let source = try Containers.open(path)
    var metadata = source.metadata
    for key in metadata.keys where key.hasPrefix("quern.") { metadata.remove(key) }
    let writer = try GGUFWriter(
      path: output, metadata: metadata,
      tensors: source.tensors.map { TensorDescription(name: $0.name, type: $0.type, shape: $0.shape) })
    for (index, tensor) in source.tensors.enumerated() {
      try tensor.withBytes { bytes throws(CheckpointError) in try writer.writeTensor(index, bytes) }
    }
    _ = try writer.finish()
    return output
  }

  /// Writes the checkpoint, or what was made of it, in another container; `name` is that of the text file or folder.
  func converted(
    _ source: String? = nil, in folder: TemporaryFolder, _ name: String, _ options: ConversionOptions
  ) throws -> String {
    var options = options
    options.output = folder.file(name)
    if name.hasSuffix(".gguf") { options.visionOutput = folder.file("mmproj-" + name) }
    _ = try Conversion.plan(source: source ?? model, options: options).run(threads: 2)
    return folder.file(name)
  }
}
