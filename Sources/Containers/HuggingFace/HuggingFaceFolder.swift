import Tensors

/// A model folder as Hugging Face lays it out: configuration, tokenizer, chat template, beside the weights.
///
/// The small documents are read when the folder is opened; the tokenizer, which can be tens of megabytes, when asked.
package struct HuggingFaceFolder: Sendable {
  /// The folder's path.
  package let path: String
  /// `config.json`.
  package let config: OrderedJSON?
  /// `tokenizer_config.json`.
  package let tokenizerConfig: OrderedJSON?
  /// `generation_config.json`.
  package let generationConfig: OrderedJSON?
  /// `preprocessor_config.json`.
  package let preprocessorConfig: OrderedJSON?
  /// The default chat template, wherever it was found.
  package let chatTemplate: String?
  /// Other templates by name, for folders that have several (`tool_use`, `rag`, …).
  package let namedChatTemplates: [(name: String, template: String)]

  /// Reads a folder's documents; none of them has to be there.
  ///
  /// - Throws: `malformed` when one of them is there and is not lawful JSON.
  package init(path: String) throws(CheckpointError) {
    self.path = path
    config = try Self.document("config.json", in: path)
    tokenizerConfig = try Self.document("tokenizer_config.json", in: path)
    generationConfig = try Self.document("generation_config.json", in: path)
    preprocessorConfig = try Self.document("preprocessor_config.json", in: path)
    let templates = try ChatTemplates(folder: path, tokenizerConfig: tokenizerConfig)
    chatTemplate = templates.main
    namedChatTemplates = templates.named
  }

  /// The bytes of `tokenizer.json`, or `nil` when there is none.
  package func tokenizerJSON() throws(CheckpointError) -> [UInt8]? {
    let name = path + "/tokenizer.json"
    return FileSystem.exists(name) ? try FileSystem.read(name) : nil
  }

  /// The bytes of a file of the folder, or `nil` when there is none.
  ///
  /// The name has to be plain: no folder in it.
  package func file(_ name: String) throws(CheckpointError) -> [UInt8]? {
    let whole = path + "/" + name
    guard SafetensorsIndex.isPlainName(name), FileSystem.isFile(whole) else { return nil }
    return try FileSystem.read(whole)
  }

  /// A JSON document of the folder that must be an object, or `nil` when there is none.
  package static func document(_ name: String, in folder: String) throws(CheckpointError) -> OrderedJSON? {
    let path = folder + "/" + name
    guard FileSystem.exists(path) else { return nil }
    let document = try JSONDocument.parse(try FileSystem.read(path), file: path)
    guard case .object = document else {
      throw CheckpointError(.malformed, "the document has to be a JSON object", file: path)
    }
    return document
  }
}

/// Looks for chat templates in all the places they are published.
///
/// First found wins: `chat_template.jinja`, `chat_template.json`, `tokenizer_config.json` (a text, or a list of named
/// ones). Further templates live in `additional_chat_templates/NAME.jinja`.
private struct ChatTemplates {
  var main: String?
  var named: [(name: String, template: String)] = []

  init(folder: String, tokenizerConfig: OrderedJSON?) throws(CheckpointError) {
    if FileSystem.isFile(folder + "/chat_template.jinja") {
      main = try Self.text(folder + "/chat_template.jinja")
    } else if let document = try HuggingFaceFolder.document("chat_template.json", in: folder) {
      try take(document["chat_template"], from: folder + "/chat_template.json")
    }
    if main == nil, let value = tokenizerConfig?["chat_template"] {
      try take(value, from: folder + "/tokenizer_config.json")
    }
    let more = folder + "/additional_chat_templates"
    guard FileSystem.isFolder(more) else { return }
    for name in try FileSystem.names(in: more) where name.hasSuffix(".jinja") {
      named.append((String(name.dropLast(6)), try Self.text(more + "/" + name)))
    }
  }

  /// Takes a text, or a list of `{"name", "template"}` of which `default` is the main one.
  private mutating func take(_ value: OrderedJSON?, from path: String) throws(CheckpointError) {
    switch value {
    case nil, .null?: return
    case .string(let text)?: main = text
    case .array(let items)?:
      for item in items {
        guard let name = item["name"]?.stringValue, let template = item["template"]?.stringValue else {
          throw CheckpointError(.malformed, "chat_template has to list objects of name and template", file: path)
        }
        if name == "default" { main = template } else { named.append((name, template)) }
      }
    default:
      throw CheckpointError(.malformed, "chat_template has to be a text or a list of named templates", file: path)
    }
  }

  private static func text(_ path: String) throws(CheckpointError) -> String {
    let bytes = try FileSystem.read(path, limit: 16 << 20)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw CheckpointError(.malformed, "the chat template is not valid UTF-8", file: path)
    }
    return text
  }
}
