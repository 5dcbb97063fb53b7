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
  /// Whether words are spelled in characters that stand for bytes.
  package let isByteLevel: Bool
  /// What becomes of spaces behind the stages, in vocabularies that are spelled in text.
  let metaspace: Metaspace?
  /// A space goes before text that does not start with one.
  let addsPrefixSpace: Bool
  /// What the stages compile to, or why they cannot be used; encoding throws it, conversion need not care.
  let compiled: Result<[CompiledStage], CheckpointError>

  init(
    stages: [SplitStage], addsPrefixSpace: Bool, ignoresMerges: Bool, isByteLevel: Bool = true,
    metaspace: Metaspace? = nil
  ) {
    self.stages = stages
    self.isByteLevel = isByteLevel
    self.metaspace = metaspace
    self.addsPrefixSpace = addsPrefixSpace
    let plain = stages.compactMap(\.plainPattern)
    let isPlain = plain.count == stages.count && !addsPrefixSpace && isByteLevel
    ggufName = isPlain ? PatternNames.name(of: plain, ignoresMerges: ignoresMerges) : nil
    compiled = Result { () throws(CheckpointError) in
      var result: [CompiledStage] = []
      for stage in stages { result.append(try CompiledStage(stage)) }
      return result
    }
  }

  /// The pre-tokenizer of a vocabulary that is spelled in text and cuts nothing.
  static let whole = Pretokenizer(stages: [], addsPrefixSpace: false, ignoresMerges: false, isByteLevel: false)

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
}
