import Base

extension Normalizer {
  /// The steps of tokenizer.json's `normalizer`, outermost first.
  ///
  /// - Throws: `unsupported` naming a kind that is not implemented.
  static func steps(_ json: OrderedJSON?) throws(CheckpointError) -> [Normalizer] {
    guard let json, !json.isNull else { return [] }
    guard let kind = json["type"]?.stringValue else {
      throw CheckpointError(.malformed, "the normalizer has no type")
    }
    switch kind {
    case "NFC": return [.nfc]
    case "NFD": return [.nfd]
    case "Lowercase": return [.lowercase]
    case "Precompiled":
      guard let text = json["precompiled_charsmap"]?.stringValue, let bytes = Base64Text.bytes(text) else {
        throw CheckpointError(.malformed, "the normalizer Precompiled has no precompiled_charsmap in base 64")
      }
      return bytes.isEmpty ? [] : [.map(try CharacterMap(bytes), byCluster: true)]
    case "Prepend": return [.prepend(json["prepend"]?.stringValue ?? "")]
    case "Strip":
      return [.strip(left: json["strip_left"]?.boolValue ?? true, right: json["strip_right"]?.boolValue ?? true)]
    case "Replace":
      let content = json["content"]?.stringValue ?? ""
      if let text = json["pattern"]?["String"]?.stringValue { return [.replace(text, with: content)] }
      if let text = json["pattern"]?["Regex"]?.stringValue { return [.replacePattern(text, with: content)] }
      throw CheckpointError(.malformed, "the normalizer Replace has no pattern")
    case "Sequence":
      var steps: [Normalizer] = []
      for part in json["normalizers"]?.arrayValue ?? [] { steps += try Normalizer.steps(part) }
      return steps
    default:
      throw CheckpointError(.unsupported, "the normalizer \"\(kind)\" is not supported")
    }
  }
}

extension Pretokenizer {
  private static let stageLimit = 16

  /// The stages of tokenizer.json's `pre_tokenizer`.
  ///
  /// - Throws: `unsupported` naming a kind that is not implemented.
  init(_ json: OrderedJSON?, ignoresMerges: Bool) throws(CheckpointError) {
    var stages: [SplitStage] = []
    var isByteLevel = false
    var addsPrefixSpace = false
    var metaspace: Metaspace?
    for part in try Self.flatten(json) {
      guard !isByteLevel, metaspace == nil else {
        let last = isByteLevel ? "ByteLevel" : "Metaspace"
        throw CheckpointError(.unsupported, "a pre-tokenizer after \(last) is not supported")
      }
      switch part["type"]?.stringValue ?? "" {
      case "ByteLevel":
        isByteLevel = true
        addsPrefixSpace = part["add_prefix_space"]?.boolValue ?? true
        guard !addsPrefixSpace || stages.isEmpty else {
          throw CheckpointError(
            .unsupported, "ByteLevel with add_prefix_space after another pre-tokenizer is not supported")
        }
        if part["use_regex"]?.boolValue ?? true { stages.append(SplitStage(finder: .pattern(PatternNames.gpt2))) }
      case "Digits":
        let isSingle = part["individual_digits"]?.boolValue ?? false
        stages.append(SplitStage(finder: .pattern(isSingle ? #"\p{N}"# : #"\p{N}+"#)))
      case "Split": stages.append(try Self.split(part))
      case "WhitespaceSplit": stages.append(SplitStage(finder: .pattern(#"\s+"#), behavior: .removed))
      case "Metaspace": metaspace = try Metaspace(part)
      case let kind:
        throw CheckpointError(.unsupported, "the pre-tokenizer \"\(kind)\" is not supported")
      }
    }
    guard stages.count <= Self.stageLimit else {
      throw CheckpointError(.unsupported, "the tokenizer has more than \(Self.stageLimit) pre-tokenizers")
    }
    self.init(
      stages: stages, addsPrefixSpace: addsPrefixSpace, ignoresMerges: ignoresMerges, isByteLevel: isByteLevel,
      metaspace: metaspace)
  }

  /// The members of nested sequences in order; OrderedJSON bounds the nesting.
  private static func flatten(_ json: OrderedJSON?) throws(CheckpointError) -> [OrderedJSON] {
    guard let json, !json.isNull else { return [] }
    guard json["type"]?.stringValue == "Sequence" else { return [json] }
    var parts: [OrderedJSON] = []
    for part in json["pretokenizers"]?.arrayValue ?? [] { parts += try flatten(part) }
    return parts
  }

  private static func split(_ json: OrderedJSON) throws(CheckpointError) -> SplitStage {
    let name = json["behavior"]?.stringValue ?? "Isolated"
    guard let behavior = SplitStage.Behavior(rawValue: name) else {
      throw CheckpointError(.unsupported, "the split behavior \"\(name)\" is not supported")
    }
    let isInverted = json["invert"]?.boolValue ?? false
    if let text = json["pattern"]?["Regex"]?.stringValue {
      return SplitStage(finder: .pattern(text), behavior: behavior, isInverted: isInverted)
    }
    if let text = json["pattern"]?["String"]?.stringValue {
      return SplitStage(finder: .literal(text), behavior: behavior, isInverted: isInverted)
    }
    throw CheckpointError(.malformed, "the pre-tokenizer Split has no pattern")
  }

  /// The `pre_tokenizer` of patterns applied one after the other, as tokenizer.json has it.
  var json: OrderedJSON {
    let splits: [OrderedJSON] = patterns.map { pattern in
      .object([
        "type": .string("Split"), "pattern": .object(["Regex": .string(pattern)]), "behavior": .string("Isolated"),
        "invert": .bool(false),
      ])
    }
    return .object(["type": .string("Sequence"), "pretokenizers": .array(splits + [Self.byteLevel])])
  }

  /// The part of a pre-tokenizer, and the decoder, by which words are spelled in characters that stand for bytes.
  static let byteLevel = OrderedJSON.object([
    "type": .string("ByteLevel"), "add_prefix_space": .bool(false), "trim_offsets": .bool(false),
    "use_regex": .bool(false),
  ])
}
