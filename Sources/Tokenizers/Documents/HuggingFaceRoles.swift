import Base

extension SpecialTokens {
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
