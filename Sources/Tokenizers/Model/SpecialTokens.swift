import Base

/// The tokens with a role, and which of them a text gets around it.
package struct SpecialTokens: Sendable, Equatable {
  /// A role, by its short name in configuration files.
  package enum Role: String, CaseIterable, Sendable {
    case beginning = "bos"
    case end = "eos"
    case unknown = "unk"
    case separator = "sep"
    case padding = "pad"
    case classification = "cls"
    case mask = "mask"

    /// The key of its id in GGUF metadata; the misspelling is the format's.
    package var ggufKey: String {
      switch self {
      case .beginning: "tokenizer.ggml.bos_token_id"
      case .end: "tokenizer.ggml.eos_token_id"
      case .unknown: "tokenizer.ggml.unknown_token_id"
      case .separator: "tokenizer.ggml.seperator_token_id"
      case .padding: "tokenizer.ggml.padding_token_id"
      case .classification: "tokenizer.ggml.cls_token_id"
      case .mask: "tokenizer.ggml.mask_token_id"
      }
    }

    /// The key in GGUF metadata that says whether a text gets it, for the roles that have one.
    package var ggufAddKey: String? {
      switch self {
      case .beginning, .end, .separator: "tokenizer.ggml.add_\(rawValue)_token"
      default: nil
      }
    }
  }

  /// The token of each role that has one.
  package var ids: [Role: Int32] = [:]
  /// Whether a text gets the token of a role, where a file says.
  package var isAdded: [Role: Bool] = [:]

  /// No special tokens.
  package init() {}

  /// The token of a role.
  package subscript(role: Role) -> Int32? { ids[role] }

  /// Reads the roles from a checkpoint's files.
  ///
  /// The tokenizer's configuration comes first, then the model's (`config.json`, its own level before `text_config`);
  /// post-processors of tokenizer.json tell what is added where the configuration is silent.
  init(
    tokenizerJSON: OrderedJSON, tokenizerConfig: OrderedJSON?, modelConfig: OrderedJSON?, added: [AddedToken],
    tokenCount: Int
  ) {
    func text(_ role: Role) -> String? {
      let entry = tokenizerConfig?["\(role.rawValue)_token"]
      return entry?.stringValue ?? entry?["content"]?.stringValue
    }
    for role in Role.allCases {
      var wanted = text(role)
      if wanted == nil, role == .beginning { wanted = text(.classification) }
      if wanted == nil, role == .end { wanted = text(.separator) }
      if let wanted, let token = added.first(where: { BinaryString($0.content) == BinaryString(wanted) }) {
        ids[role] = token.id
      }
      if ids[role] == nil {
        let key = "\(role.rawValue)_token_id"
        let value = modelConfig?[key]?.intValue ?? modelConfig?["text_config"]?[key]?.intValue
        if let id = value, id >= 0, id < tokenCount { ids[role] = Int32(exactly: id) }
      }
    }
    readTemplate(tokenizerJSON["post_processor"], added)
    for role in Role.allCases {
      if let flag = tokenizerConfig?["add_\(role.rawValue)_token"]?.boolValue { isAdded[role] = flag }
    }
  }

  /// Reads what a post-processor puts before and behind a single text.
  private mutating func readTemplate(_ json: OrderedJSON?, _ added: [AddedToken]) {
    for processor in json?["processors"]?.arrayValue ?? (json.map { [$0] } ?? []) {
      switch processor["type"]?.stringValue {
      case "RobertaProcessing":
        for role in [Role.beginning, .end, .separator] { isAdded[role] = true }
      case "TemplateProcessing":
        let parts = processor["single"]?.arrayValue ?? []
        guard parts.count > 1 else { continue }
        for (part, role) in [(parts.first, Role.beginning), (parts.last, Role.end)] {
          guard let text = part?["SpecialToken"]?["id"]?.stringValue,
            let token = added.first(where: { BinaryString($0.content) == BinaryString(text) })
          else { continue }
          if ids[role] == nil { ids[role] = token.id }
          isAdded[role] = ids[role] == token.id
        }
      default: continue
      }
    }
  }
}
