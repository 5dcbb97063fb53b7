import Base

extension SpecialTokens {
  /// Reads the roles from a checkpoint's files.
  ///
  /// The tokenizer's configuration comes first, all of it, then the model's (`config.json`, its own level before `text_config`);
  /// post-processors of tokenizer.json tell what is added where the configuration is silent.
  init(
    tokenizerJSON: OrderedJSON, tokenizerConfig: OrderedJSON?, modelConfig: OrderedJSON?, added: [AddedToken],
    tokenCount: Int
  ) {
    var texts: [Role: String] = [:]
    for role in Role.allCases {
      let entry = tokenizerConfig?["\(role.rawValue)_token"]
      texts[role] = entry?.stringValue ?? entry?["content"]?.stringValue
    }
    if texts[.beginning] == nil { texts[.beginning] = texts[.classification] }
    if texts[.end] == nil { texts[.end] = texts[.separator] }
    let processor = tokenizerJSON["post_processor"]
    for part in processor?["processors"]?.arrayValue ?? (processor.map { [$0] } ?? []) { read(part, &texts) }
    for role in Role.allCases {
      if let flag = tokenizerConfig?["add_\(role.rawValue)_token"]?.boolValue { add(role, flag) }
      if let text = texts[role], let token = added.first(where: { BinaryString($0.content) == BinaryString(text) }) {
        name(role, token.id)
      }
    }
    for role in Role.allCases where ids[role] == nil {
      let key = "\(role.rawValue)_token_id"
      let value = modelConfig?[key]?.intValue ?? modelConfig?["text_config"]?[key]?.intValue
      if let value, value >= 0, value < tokenCount, let id = Int32(exactly: value) { name(role, id) }
    }
  }

  /// Reads what a post-processor puts before and behind a text, and between two.
  private mutating func read(_ processor: OrderedJSON, _ texts: inout [Role: String]) {
    switch processor["type"]?.stringValue {
    case "ByteLevel":
      for role in [Role.beginning, .end] where isAdded[role] == nil { add(role, false) }
    case "RobertaProcessing":
      for role in [Role.beginning, .end, .separator] { add(role, true) }
    case "TemplateProcessing":
      let single = processor["single"]?.arrayValue ?? []
      let first = single.count > 1 ? Self.special(single.first) : nil
      let last = single.count > 1 ? Self.special(single.last) : nil
      if let first {
        if texts[.beginning] == nil { texts[.beginning] = first }
        add(.beginning, first == texts[.beginning] || first == texts[.classification])
      }
      if let last {
        texts[.end] = last
        add(.end, true)
      }
      var pair = (processor["pair"]?.arrayValue ?? [])[...]
      if first != nil, Self.special(pair.first) == first { pair = pair.dropFirst() }
      if last != nil, Self.special(pair.last) == last { pair = pair.dropLast() }
      let between = pair.dropFirst().dropLast()
      guard pair.first?["Sequence"]?["id"]?.stringValue == "A", pair.last?["Sequence"]?["id"]?.stringValue == "B",
        !between.isEmpty
      else { return }
      let separators = [texts[.separator], texts[.end]].compactMap { $0 }
      let isSeparator = between.map { part in Self.special(part).map(separators.contains) ?? false }
      add(.separator, isSeparator[0] && last == nil || between.count == 2 && isSeparator[1])
    default: break
    }
  }

  /// The text of a special token in a template.
  private static func special(_ part: OrderedJSON?) -> String? { part?["SpecialToken"]?["id"]?.stringValue }
}
