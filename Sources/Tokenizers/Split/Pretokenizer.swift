import Base

/// How text is cut before byte pairs are merged, and what the field calls it.
package struct Pretokenizer: Sendable {
  /// The patterns, applied one after the other; what tokenizer.json and GGUF readers must agree on.
  package var patterns: [String] {
    stages.map { stage in
      switch stage.finder {
      case .pattern(let text), .literal(let text): text
      }
    }
  }
  /// The name for `tokenizer.ggml.pre`; nil when nobody has named these patterns yet.
  ///
  /// A converter then keeps `patterns` and says that other readers will not know how to split.
  package let ggufName: String?

  let stages: [SplitStage]
  /// A space goes before text that does not start with one.
  let addsPrefixSpace: Bool
  /// What the stages compile to, or why they cannot be used; encoding throws it, conversion need not care.
  let compiled: Result<[CompiledStage], CheckpointError>

  init(stages: [SplitStage], addsPrefixSpace: Bool, ignoresMerges: Bool) {
    self.stages = stages
    self.addsPrefixSpace = addsPrefixSpace
    let plain = stages.compactMap(\.plainPattern)
    let isPlain = plain.count == stages.count && !addsPrefixSpace
    ggufName = isPlain ? PatternNames.name(of: plain, ignoresMerges: ignoresMerges) : nil
    compiled = Result { () throws(CheckpointError) in
      var result: [CompiledStage] = []
      for stage in stages { result.append(try CompiledStage(stage)) }
      return result
    }
  }

  /// A pre-tokenizer of patterns applied one after the other, each match and each gap becoming a piece.
  ///
  /// - Parameters:
  ///   - patterns: regular expressions as in tokenizer.json.
  ///   - ignoresMerges: whether whole words of the vocabulary are taken without merging; part of what a name stands for.
  package init(patterns: [String], ignoresMerges: Bool = false) {
    self.init(
      stages: patterns.map { SplitStage(finder: .pattern($0)) }, addsPrefixSpace: false, ignoresMerges: ignoresMerges)
  }

  /// The GGUF names whose patterns are known, in the order of preference.
  package static var knownNames: [String] { PatternNames.all.map(\.ggufName) }

  /// The pre-tokenizer that a GGUF name stands for.
  package init?(named name: String) {
    guard let known = PatternNames.named(name) else { return nil }
    self.init(patterns: known.patterns, ignoresMerges: known.ignoresMerges)
  }

  /// The words of a text, as bytes: what merging never joins.
  ///
  /// - Throws: `unsupported` when a pattern cannot be used.
  package func words(_ text: [UInt8]) throws(CheckpointError) -> [ArraySlice<UInt8>] {
    let stages = try compiled.get()
    return try text.withUnsafeBufferPointer { view throws(CheckpointError) in
      var pieces = [0..<view.count]
      for stage in stages { pieces = try stage.pieces(view, pieces) }
      return pieces.map { text[$0] }
    }
  }

  private static let stageLimit = 16

  /// The stages of tokenizer.json's `pre_tokenizer`.
  ///
  /// - Throws: `unsupported` naming a kind that is not implemented or a vocabulary that is not byte-level.
  init(_ json: OrderedJSON?, ignoresMerges: Bool) throws(CheckpointError) {
    var stages: [SplitStage] = []
    var isByteLevel = false
    var addsPrefixSpace = false
    for part in try Self.flatten(json) {
      guard !isByteLevel else {
        throw CheckpointError(.unsupported, "a pre-tokenizer after ByteLevel is not supported")
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
      case let kind:
        throw CheckpointError(.unsupported, "the pre-tokenizer \"\(kind)\" is not supported")
      }
    }
    guard isByteLevel else {
      throw CheckpointError(.unsupported, "the tokenizer is not byte-level: its pre_tokenizer has no ByteLevel")
    }
    guard stages.count <= Self.stageLimit else {
      throw CheckpointError(.unsupported, "the tokenizer has more than \(Self.stageLimit) pre-tokenizers")
    }
    self.init(stages: stages, addsPrefixSpace: addsPrefixSpace, ignoresMerges: ignoresMerges)
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
}
