import Architectures
import Base
import Containers

/// The documents of a folder that go over into another: text for text, but for what `config.json` says of parts that do not.
struct CarriedDocuments {
  /// The model that is written, without the parts that are not.
  let model: any Architecture
  let folder: HuggingFaceFolder
  /// The type asked for; nil where the source's types are kept.
  let type: ElementType?
  /// What differs from the documents of the source, one sentence each.
  private(set) var notes: [String] = []

  init(model: any Architecture, folder: HuggingFaceFolder, type: ElementType?) {
    self.model = model
    self.folder = folder
    self.type = type
  }

  /// Documents by which a model is loaded, and what a reader finds beside it.
  private static let others = [
    "generation_config.json", "preprocessor_config.json", "video_preprocessor_config.json", "processor_config.json",
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt", "tokenizer.model", "README.md", "LICENSE",
  ]
  /// Those of them that mean nothing without a vision encoder.
  private static let ofPictures = [
    "preprocessor_config.json", "video_preprocessor_config.json", "processor_config.json",
  ]
  /// Chat templates, where they are files of their own.
  private static let templates = [Provenance.templateFile, "chat_template.json"]
  /// The names of all documents that a folder of ours can have.
  static let names = Set(["config.json"] + others + templates)

  /// All documents, by file name.
  mutating func all() throws(CheckpointError) -> [(name: String, bytes: [UInt8])] {
    var documents = [(name: "config.json", bytes: try configuration())]
    let hasMore = try FileSystem.isFolderThere(folder.path + "/additional_chat_templates")
    // Several templates go into a list, which is read only where there is no file of one.
    var replaced = hasMore ? Self.templates + ["tokenizer_config.json"] : []
    if model.preprocessorJSON(mmproj: Metadata()) == nil { replaced += Self.ofPictures }
    for name in Self.others + Self.templates where !replaced.contains(name) {
      if let bytes = try folder.file(name) { documents.append((name, bytes)) }
    }
    if hasMore { documents.append(("tokenizer_config.json", templates(in: folder.tokenizerConfig))) }
    return documents
  }

  private mutating func configuration() throws(CheckpointError) -> [UInt8] {
    guard let bytes = try folder.file("config.json"), let config = folder.config else {
      throw CheckpointError(.missing, "config.json is missing beside the tensors", file: folder.path)
    }
    var (json, changes) = try model.corrected(configuration: config)
    if let type, json.retype(type) { changes.append("config.json: the dtype is \(type.torchName), as asked") }
    notes += changes
    return changes.isEmpty ? bytes : json.serialized(pretty: true, nonFinite: true)
  }

  /// The tokenizer's configuration with all chat templates as its list, where the source keeps several in a folder of their own.
  private mutating func templates(in configuration: OrderedJSON?) -> [UInt8] {
    var object = configuration?.objectValue ?? OrderedObject()
    object["chat_template"] = .array(RestoredDocuments.list(folder.chatTemplate, folder.namedChatTemplates))
    notes.append("the chat templates of additional_chat_templates are written into tokenizer_config.json")
    return OrderedJSON.object(object).serialized(pretty: true, nonFinite: true)
  }
}

extension ElementType {
  /// What configurations call it.
  fileprivate var torchName: String {
    switch self {
    case .f32: "float32"
    case .f16: "float16"
    case .bf16: "bfloat16"
    default: rawValue
    }
  }
}

extension OrderedJSON {
  /// Puts the type that weights are stored in where a `config.json` says one.
  ///
  /// Readers load weights in the type that the configuration names, whatever they are stored in.
  /// - Returns: whether it said another.
  mutating func retype(_ type: ElementType) -> Bool {
    guard var outer = objectValue, [.f32, .f16, .bf16].contains(type) else { return false }
    var isChanged = false
    func change(_ object: inout OrderedObject) {
      for key in ["dtype", "torch_dtype"] where object[key] != nil && object[key]?.stringValue != type.torchName {
        object[key] = .string(type.torchName)
        isChanged = true
      }
    }
    change(&outer)
    if var text = outer["text_config"]?.objectValue {
      change(&text)
      outer["text_config"] = .object(text)
    }
    if isChanged { self = .object(outer) }
    return isChanged
  }
}
