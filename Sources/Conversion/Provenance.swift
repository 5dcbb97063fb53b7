import Architectures
import Containers
import Quants
import Base
import Tokenizers

/// What quern writes under keys of its own: how a file was made, and what the way back needs.
enum Provenance {
  static let recipeKey = "quern.recipe"
  static let versionKey = "quern.version"
  static let typesKey = GGUFKeys.documents + "types"
  /// The names of tensors that were left out as asked.
  static let leftOutKey = "quern.left_out"

  /// The recipe, written out, and the version that applied it.
  static func describe(_ recipe: Recipe, in metadata: inout Metadata) {
    metadata[versionKey] = .string(quernVersion)
    metadata[recipeKey] = .string(recipe.text)
  }

  /// Small documents of the folder, text for text, so that they come back as they were.
  static func carry(
    _ checkpoint: Checkpoint, _ names: [String], in metadata: inout Metadata
  ) throws(CheckpointError) {
    guard let folder = checkpoint.folder else { return }
    for name in names {
      if let bytes = try folder.file(name + ".json") {
        metadata[GGUFKeys.documents + name] = .string(String(decoding: bytes, as: UTF8.self))
      }
    }
  }

  /// What a projector says of the folder it was made from, so that it can be told from another model's.
  static func carryHash(_ checkpoint: Checkpoint, in metadata: inout Metadata) throws(CheckpointError) {
    guard let bytes = try checkpoint.folder?.file("config.json") else { return }
    metadata[ProjectorMatch.configurationHashKey] = .string(
      ProjectorMatch.sha256(String(decoding: bytes, as: UTF8.self)))
  }

  /// Notes that the folder keeps its chat template in a file of its own.
  static func carryTemplatePlace(_ folder: HuggingFaceFolder, in metadata: inout Metadata) throws(CheckpointError) {
    if try folder.file(templateFile) != nil { metadata[GGUFKeys.documents + "chat_template"] = .string(templateFile) }
  }

  /// Whether the chat template was in a file of its own.
  static func hasTemplateFile(_ metadata: Metadata) -> Bool {
    metadata.string(GGUFKeys.documents + "chat_template") == templateFile
  }

  static let templateFile = "chat_template.jinja"

  /// A document carried by `carry`.
  static func document(_ name: String, in metadata: Metadata) -> [UInt8]? {
    metadata.string(GGUFKeys.documents + name).map { Array($0.utf8) }
  }

  /// What tokenizer.json says beyond its vocabulary and merges, which GGUF has keys for.
  static func carryTokenizer(_ document: TokenizerDocument, in metadata: inout Metadata) {
    let bytes = document.rest.serialized(pretty: false)
    metadata[GGUFKeys.document] = .string(String(decoding: bytes, as: UTF8.self))
  }

  /// Types of tensors that differ from the family's, as `NAME TYPE`.
  static func carryTypes(_ rules: [TensorRule], _ checkpoint: Checkpoint, in metadata: inout Metadata) {
    var lines: [String] = []
    for rule in rules {
      guard let type = rule.entry(in: checkpoint)?.type.elementType, type != rule.declared else { continue }
      let line = "\(rule.savedName) \(type.rawValue)"
      if lines.last != line { lines.append(line) }
    }
    if !lines.isEmpty { metadata[typesKey] = .array(.string(TextList(lines))) }
  }

  /// The types carried by `carryTypes`.
  static func types(in metadata: Metadata) -> [BinaryString: ElementType] {
    var types: [BinaryString: ElementType] = [:]
    for line in metadata.strings(typesKey) ?? [] {
      guard let space = line.lastIndex(of: " "),
        let type = ElementType(rawValue: String(line[line.index(after: space)...]))
      else { continue }
      types[BinaryString(String(line[..<space]))] = type
    }
    return types
  }
}
