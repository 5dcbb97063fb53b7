import Base

/// Looks for chat templates in all the places they are published.
///
/// First found wins: `chat_template.jinja`, `chat_template.json`, `tokenizer_config.json` (a text, or a list of named
/// ones), `processor_config.json`. Further templates live in `additional_chat_templates/NAME.jinja`. As in transformers,
/// `tokenizer_config.json` is not asked when there is a `chat_template.jinja`, and of a list the last of equal names counts.
struct ChatTemplates {
  /// The default template.
  private(set) var main: String?
  /// The others, each name once.
  private(set) var named: [(name: String, template: String)] = []
  /// Templates that are there and not used, one sentence each.
  private(set) var notes: [String] = []

  /// Published folders have up to three.
  private static let mostListed = 256

  init(
    folder: String, tokenizerConfig: OrderedJSON?, budget: inout MemoryBudget
  ) throws(CheckpointError) {
    let file = folder + "/chat_template.jinja"
    let isFile = try FileSystem.isFileThere(file)
    if isFile {
      main = try Self.text(file, &budget)
    } else if let document = try HuggingFaceFolder.document("chat_template.json", in: folder, budget: &budget) {
      try take(document["chat_template"], from: folder, "chat_template.json")
    }
    let more = folder + "/additional_chat_templates"
    let files =
      try FileSystem.isFolderThere(more)
      ? try FileSystem.names(in: more).filter { $0.hasSuffix(".jinja") } : []
    guard files.count <= Self.mostListed else {
      throw CheckpointError(
        .malformed, "the folder holds \(files.count) chat templates; at most \(Self.mostListed) are allowed", file: more
      )
    }
    for name in files {
      put(
        String(name.dropLast(6)), try Self.text(more + "/" + name, &budget), "additional_chat_templates")
    }
    let listed = tokenizerConfig?["chat_template"]
    if isFile {
      noteUnused(listed)
    } else {
      try take(listed, from: folder, "tokenizer_config.json")
    }
    if main == nil, named.isEmpty,
      let document = try HuggingFaceFolder.document("processor_config.json", in: folder, budget: &budget)
    {
      try take(document["chat_template"], from: folder, "processor_config.json")
    }
  }

  /// Takes a text, or a list of `{"name", "template"}` of which `default` is the main one.
  private mutating func take(
    _ value: OrderedJSON?, from folder: String, _ file: String
  ) throws(CheckpointError) {
    switch value {
    case nil, .null?: return
    case .string(let text)?: put("default", text, file)
    case .array(let items)?:
      guard items.count <= Self.mostListed else {
        throw CheckpointError(
          .malformed, "chat_template lists \(items.count) templates; at most \(Self.mostListed) are allowed",
          file: folder + "/" + file)
      }
      var list: [(name: String, template: String)] = []
      for item in items {
        guard let name = item["name"]?.stringValue, let template = item["template"]?.stringValue else {
          throw CheckpointError(
            .malformed, "chat_template has to list objects of name and template", file: folder + "/" + file)
        }
        if let place = list.firstIndex(where: { BinaryString($0.name) == BinaryString(name) }) {
          notes.append("\(file) lists the chat template \(name) twice: the last one is used")
          list[place].template = template
        } else {
          list.append((name, template))
        }
      }
      for (name, template) in list { put(name, template, file) }
    default:
      throw CheckpointError(
        .malformed, "chat_template has to be a text or a list of named templates", file: folder + "/" + file)
    }
  }

  /// Keeps a template unless one of its name was found before.
  private mutating func put(_ name: String, _ template: String, _ file: String) {
    let known: String?
    if name == "default" {
      known = main
      main = main ?? template
    } else if let other = named.first(where: { BinaryString($0.name) == BinaryString(name) }) {
      known = other.template
    } else {
      known = nil
      named.append((name, template))
    }
    if let known, known != template {
      notes.append("the chat template \(name) of \(file) is left out: another file has one of this name")
    }
  }

  /// Tells of templates in the tokenizer's configuration that are not those of the files.
  private mutating func noteUnused(_ value: OrderedJSON?) {
    var names: [String] = []
    if case .string(let text)? = value, text != main { names = ["default"] }
    for item in value?.arrayValue ?? [] {
      guard let name = item["name"]?.stringValue, let template = item["template"]?.stringValue else { continue }
      let used = name == "default" ? main : named.first { BinaryString($0.name) == BinaryString(name) }?.template
      if used != template { names.append(name) }
    }
    guard !names.isEmpty else { return }
    let list = listed(names)
    notes.append(
      "chat templates of tokenizer_config.json are left out (\(list)): chat_template.jinja takes their place, as in transformers"
    )
  }

  private static func text(_ path: String, _ budget: inout MemoryBudget) throws(CheckpointError) -> String {
    guard try FileSystem.isThere(path) else { throw CheckpointError(.missing, "there is no such file", file: path) }
    var bytes = try FileSystem.read(path, limit: 16 << 20)
    // An empty template is one.
    if !bytes.isEmpty {
      try ForeignContent.refuse(bytes.prefix(ForeignContent.length), file: path, where: .template)
    }
    if bytes.starts(with: byteOrderMark) { bytes.removeFirst(byteOrderMark.count) }
    do throws(CheckpointError) {
      try budget.take(bytes.count)
    } catch {
      throw error.in(file: path)
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw CheckpointError(.malformed, "the chat template is not valid UTF-8", file: path)
    }
    return text
  }
}
