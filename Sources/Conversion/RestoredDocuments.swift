import Architectures
import Containers
import Base
import Tokenizers

/// The documents of a restored Hugging Face folder: those the GGUF carries, and the others rebuilt from its metadata.
struct RestoredDocuments {
  /// The model that is restored, without the parts that are not.
  let model: any Architecture
  let text: Checkpoint
  let vision: Checkpoint?
  /// The type of most weights.
  let type: ElementType?
  /// What differs from the documents that were carried, one sentence each.
  private(set) var notes: [String] = []

  init(model: any Architecture, text: Checkpoint, vision: Checkpoint?, type: ElementType?) {
    self.type = type
    self.model = model
    self.text = text
    self.vision = vision
  }

  private var metadata: Metadata { text.metadata }

  /// All documents, by file name.
  mutating func all() throws(CheckpointError) -> [(name: String, bytes: [UInt8])] {
    var documents = [(name: "config.json", bytes: try configuration())]
    if let bytes = Provenance.document("generation_config", in: metadata) {
      documents.append(("generation_config.json", bytes))
    }
    if let vision {
      let carried = Provenance.document("preprocessor_config", in: vision.metadata)
      if let bytes = carried ?? model.preprocessorJSON(mmproj: vision.metadata).map(pretty) {
        documents.append(("preprocessor_config.json", bytes))
      }
    }
    guard metadata.texts(GGUFKeys.tokens) != nil else { return documents }
    let tokenizer = TokenizerSource.stored(in: text)
    documents.append(("tokenizer.json", try tokenizer.tokenizerJSON()))
    if let bytes = try tokenizer.sentencePieceModel() { documents.append(("tokenizer.model", bytes)) }
    return documents + (try tokenizerConfiguration(tokenizer))
  }

  /// `config.json` as it was carried, unless it speaks of parts that are not restored.
  private mutating func configuration() throws(CheckpointError) -> [UInt8] {
    guard let bytes = Provenance.document("config", in: metadata) else {
      var json = try model.configurationJSON()
      if let type { _ = json.retype(type) }
      return pretty(json)
    }
    var (json, changes) = try model.corrected(configuration: try parse(bytes))
    if let type, json.retype(type) {
      changes.append("config.json: the dtype is that of the weights as they are written")
    }
    notes += changes
    return changes.isEmpty ? bytes : pretty(json)
  }

  /// `tokenizer_config.json`, and the chat template's file where it has one.
  ///
  /// Named templates become a list in the configuration, which transformers reads when there is no `chat_template.jinja`.
  private func tokenizerConfiguration(
    _ tokenizer: GGUFTokenizer
  ) throws(CheckpointError) -> [(name: String, bytes: [UInt8])] {
    let name = "tokenizer_config.json"
    let carried = Provenance.document("tokenizer_config", in: metadata)
    let configuration = try carried.map { (bytes) throws(CheckpointError) in try parse(bytes) }
    let main = metadata.string(GGUFKeys.chatTemplate)
    let list = templates(main)
    if list.count > (main == nil ? 0 : 1) {
      if let carried, let known = configuration?["chat_template"]?.arrayValue, isSame(known, list) {
        return [(name, carried)]
      }
      var document = configuration?.objectValue ?? OrderedObject()
      if configuration == nil, let made = try tokenizer.configurationJSON().objectValue { document = made }
      document["chat_template"] = .array(list)
      return [(name, pretty(.object(document)))]
    }
    var documents: [(name: String, bytes: [UInt8])] = []
    if let carried {
      documents.append((name, carried))
    } else {
      documents.append((name, pretty(try tokenizer.configurationJSON())))
    }
    if let main, Provenance.hasTemplateFile(metadata) || configuration?["chat_template"] == nil {
      documents.append((Provenance.templateFile, Array(main.utf8)))
    }
    return documents
  }

  /// The default template and the named ones, as a configuration lists them.
  private func templates(_ main: String?) -> [OrderedJSON] {
    let names = (metadata.texts(GGUFKeys.chatTemplates) ?? []).prefix(Self.mostTemplates)
    return Self.list(
      main,
      names.compactMap { name in
        metadata.string(GGUFKeys.chatTemplate(named: name)).map { (name: name, template: $0) }
      })
  }

  static func list(_ main: String?, _ named: [(name: String, template: String)]) -> [OrderedJSON] {
    let all = (main.map { [(name: "default", template: $0)] } ?? []) + named.filter { $0.name != "default" }
    return all.map { .object(["name": .string($0.name), "template": .string($0.template)]) }
  }

  private static let mostTemplates = 256

  /// Whether two lists hold the same templates under the same names.
  private func isSame(_ a: [OrderedJSON], _ b: [OrderedJSON]) -> Bool {
    a.count == b.count
      && b.allSatisfy { item in
        a.contains { $0["name"] == item["name"] && $0["template"] == item["template"] }
      }
  }

  private func parse(_ bytes: [UInt8]) throws(CheckpointError) -> OrderedJSON {
    try OrderedJSON(parsing: bytes, file: text.path, memory: MemoryBudget.documents, nonFinite: true)
  }

  private func pretty(_ json: OrderedJSON) -> [UInt8] { json.serialized(pretty: true, nonFinite: true) }
}
