import Base
import Text

extension Tokenizer {
  /// The token ids of a text.
  ///
  /// - Parameters:
  ///   - text: any text.
  ///   - addedTokens: which control tokens and other added tokens are recognised in the text.
  /// - Returns: the ids; nothing is put before or behind them (see `special`).
  /// - Throws: `unsupported` when the pre-tokenizer's pattern cannot be used.
  package func encode(_ text: String, addedTokens: AddedTokenUse = .all) throws(CheckpointError) -> [Int32] {
    try encode(Array(text.utf8), addedTokens: addedTokens)
  }

  /// The token ids of UTF-8 text; bytes that are not UTF-8 are kept as they are, each a character of no class.
  ///
  /// - Throws: `unsupported` when the pre-tokenizer's pattern cannot be used.
  package func encode(_ text: [UInt8], addedTokens: AddedTokenUse = .all) throws(CheckpointError) -> [Int32] {
    let stages = try pretokenizer.compiled.get()
    return try text.withUnsafeBufferPointer { view throws(CheckpointError) in
      var encoder = Encoder(tokenizer: self, stages: stages, workspace: workspaces.take())
      encoder.workspace.output.reserveCapacity(view.count / 3)
      let everything = 0..<view.count
      let finders = finders(addedTokens)
      for part in finders?.early.parts(view, everything) ?? [.text(everything)] {
        switch part {
        case .token(let id): encoder.workspace.output.append(id)
        case .text(let range):
          encoder.isFirst = range.lowerBound == 0
          try encoder.append(UnsafeBufferPointer(rebasing: view[range]), finders?.late)
        }
      }
      let output = encoder.workspace.output
      encoder.workspace.output = []
      workspaces.give(encoder.workspace)
      return output
    }
  }
}

/// What encoding keeps from one call to the next.
struct Workspace: Sendable {
  var cache = WordCache()
  var merger = BytePairMerger()
  var scoreMerger = ScoreMerger()
  var steps: [UnigramModel.Step] = []
  var symbols: [Int32] = []
  var output: [Int32] = []
}

/// The workspaces not in use: as many as there ever were threads at once.
final class WorkspacePool: Sendable {
  private let idle = Lock<[Workspace]>([])

  func take() -> Workspace { idle.withLock { $0.popLast() } ?? Workspace() }

  func give(_ workspace: consuming Workspace) {
    let kept = workspace
    idle.withLock { if $0.count < 16 { $0.append(kept) } }
  }
}

/// One encoding under way.
private struct Encoder {
  let tokenizer: Tokenizer
  let stages: [CompiledStage]
  var workspace: Workspace
  /// Whether the text at hand is the beginning of the whole.
  var isFirst = true

  /// A word of more bytes is refused: places in it are 32-bit numbers.
  private static let longestWord = 1 << 30

  /// Encodes text between added tokens that were found as written.
  mutating func append(_ text: UnsafeBufferPointer<UInt8>, _ late: AddedTokenFinder?) throws(CheckpointError) {
    let normalizers = tokenizer.normalizers
    if normalizers.isEmpty || normalizers == [.nfc] && Normalizer.isStable(text) {
      return try appendNormalized(text, late)
    }
    let normalized = try Tokenizer.normalize(Array(text), normalizers)
    try normalized.withUnsafeBufferPointer { view throws(CheckpointError) in
      try appendNormalized(view, late)
    }
  }

  private mutating func appendNormalized(
    _ text: UnsafeBufferPointer<UInt8>, _ late: AddedTokenFinder?
  ) throws(CheckpointError) {
    let everything = 0..<text.count
    for part in late?.parts(text, everything) ?? [.text(everything)] {
      switch part {
      case .token(let id): workspace.output.append(id)
      case .text(let range):
        if let metaspace = tokenizer.pretokenizer.metaspace {
          try appendMarked(text, range, metaspace)
          continue
        }
        guard tokenizer.pretokenizer.addsPrefixSpace, !range.isEmpty, text[range.lowerBound] != 0x20 else {
          try split(text, range)
          continue
        }
        let spaced = [0x20] + text[range]
        try spaced.withUnsafeBufferPointer { view throws(CheckpointError) in try split(view, 0..<view.count) }
      }
    }
  }

  private mutating func split(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) throws(CheckpointError) {
    if stages.count == 1, case .scanner(let rules) = stages[0] {
      let classes = CharacterClasses.shared
      return try classes.bytes.withUnsafeBufferPointer { bytes throws(CheckpointError) in
        let scanner = SplitScanner(text, end: range.upperBound, rules: rules, classes: classes, bytes: bytes)
        var position = range.lowerBound
        while position < range.upperBound {
          let end = scanner.wordEnd(from: position)
          try appendWord(text, position, end)
          position = end
        }
      }
    }
    for piece in try pieces(text, range) { try appendPiece(text, piece) }
  }

  private func pieces(
    _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>
  ) throws(CheckpointError) -> [Range<Int>] {
    var pieces = [range]
    for stage in stages { pieces = try stage.pieces(text, pieces) }
    return pieces
  }

  /// Cuts text by the stages, marks the spaces of each piece, and cuts before the marks.
  private mutating func appendMarked(
    _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ metaspace: Metaspace
  ) throws(CheckpointError) {
    for piece in try pieces(text, range) {
      let marked = metaspace.marked(
        UnsafeBufferPointer(rebasing: text[piece]), isFirst: isFirst && piece.lowerBound == 0)
      try marked.withUnsafeBufferPointer { view throws(CheckpointError) in
        guard metaspace.splits else { return try appendPiece(view, 0..<view.count) }
        let stage = CompiledStage.literal(
          metaspace.mark, SplitStage(finder: .literal(""), behavior: .mergedWithNext))
        for word in try stage.pieces(view, 0..<view.count) { try appendWord(view, word.lowerBound, word.upperBound) }
      }
    }
  }

  /// Appends what the stages left whole, cut where no token crosses.
  private mutating func appendPiece(
    _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>
  ) throws(CheckpointError) {
    var start = range.lowerBound
    while tokenizer.cutsBeforeSpaces, let end = SpaceMarks.next(text, after: start, range.upperBound) {
      try appendWord(text, start, end)
      start = end
    }
    try appendWord(text, start, range.upperBound)
  }

  @inline(__always)
  private mutating func appendWord(
    _ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int
  ) throws(CheckpointError) {
    let length = end - start
    guard length <= WordCache.longestWord else {
      guard length <= Self.longestWord else {
        throw CheckpointError(.unsupported, "the text has a word of more than \(Self.longestWord) bytes")
      }
      mergeWord(text, start, end)
      workspace.output += workspace.symbols
      return
    }
    guard length > 0 else { return }
    let key = WordCache.key(text, start, length)
    if workspace.cache.append(key, to: &workspace.output) { return }
    mergeWord(text, start, end)
    workspace.cache.insert(key, workspace.symbols[...])
    workspace.output += workspace.symbols
  }

  /// Leaves a word's tokens in `workspace.symbols`.
  private mutating func mergeWord(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int) {
    workspace.symbols.removeAll(keepingCapacity: true)
    let alphabet = tokenizer.vocabulary.alphabet
    let word = UnsafeBufferPointer(rebasing: text[start..<end])
    switch tokenizer.model {
    case .merges(let model):
      if model.ignoresMerges, let whole = tokenizer.vocabulary.word(alphabet.spelling(of: word)) {
        workspace.symbols.append(whole)
        return
      }
      alphabet.appendSymbols(of: word, to: &workspace.symbols)
      model.replaceUnknown(in: &workspace.symbols)
      workspace.merger.merge(&workspace.symbols, model.table)
    case .scores(let scores, let unknown):
      workspace.scoreMerger.merge(word, tokenizer.vocabulary, scores, to: &workspace.symbols)
      workspace.symbols = MergeModel.known(workspace.symbols, unknown: unknown, isFused: false)
    case .unigram(let model):
      model.append(word, alphabet, steps: &workspace.steps, to: &workspace.symbols)
      workspace.symbols = MergeModel.known(workspace.symbols, unknown: model.unknown, isFused: false)
    }
  }
}
