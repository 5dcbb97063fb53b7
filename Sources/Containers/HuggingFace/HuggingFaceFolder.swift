import Base

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
  /// What to tell about the documents: templates that others take the place of, one sentence each.
  package let notes: [String]

  /// Reads a folder's documents; none of them has to be there.
  ///
  /// - Throws: `malformed` when one of them is there and is not lawful JSON.
  package init(path: String) throws(CheckpointError) {
    self.path = path
    var budget = MemoryBudget(MemoryBudget.documents)
    config = try Self.document("config.json", in: path, budget: &budget)
    tokenizerConfig = try Self.document("tokenizer_config.json", in: path, budget: &budget)
    generationConfig = try Self.document("generation_config.json", in: path, budget: &budget)
    preprocessorConfig = try Self.document("preprocessor_config.json", in: path, budget: &budget)
    let templates = try ChatTemplates(folder: path, tokenizerConfig: tokenizerConfig, budget: &budget)
    chatTemplate = templates.main
    namedChatTemplates = templates.named
    notes = templates.notes
  }

  /// The bytes of `tokenizer.json`, or `nil` when there is none.
  package func tokenizerJSON() throws(CheckpointError) -> [UInt8]? {
    let name = path + "/tokenizer.json"
    return try FileSystem.isThere(name) ? try Self.tokenizerJSON(name) : nil
  }

  /// The bytes of a tokenizer.json.
  package static func tokenizerJSON(_ path: String) throws(CheckpointError) -> [UInt8] {
    try JSONDocument.bytes(path, limit: MemoryBudget.longestTokenizer)
  }

  /// `added_tokens.json`, which old tokenizers keep beside their pieces, or `nil` when there is none.
  ///
  /// - Throws: `malformed` when it is not lawful JSON.
  package func addedTokens() throws(CheckpointError) -> OrderedJSON? {
    var budget = MemoryBudget(MemoryBudget.documents)
    return try Self.document("added_tokens.json", in: path, budget: &budget)
  }

  /// The bytes of a file of the folder, or `nil` when there is none.
  ///
  /// The name has to be plain: no folder in it.
  package func file(_ name: String) throws(CheckpointError) -> [UInt8]? {
    let whole = path + "/" + name
    guard Path(name).isPlain, try FileSystem.isFileThere(whole) else {
      return nil
    }
    return try FileSystem.read(whole, limit: JSONDocument.longest)
  }

  /// A JSON document of the folder that must be an object, or `nil` when there is none.
  static func document(
    _ name: String, in folder: String, budget: inout MemoryBudget
  ) throws(CheckpointError) -> OrderedJSON? {
    let path = folder + "/" + name
    guard try FileSystem.isThere(path) else { return nil }
    let document = try JSONDocument.read(path, budget: &budget)
    guard case .object = document else {
      throw CheckpointError(.malformed, "the document has to be a JSON object", file: path)
    }
    return document
  }
}
