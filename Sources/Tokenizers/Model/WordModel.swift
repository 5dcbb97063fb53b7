import Base

/// How the symbols of a word become tokens.
enum WordModel: Sendable {
  /// By a list of merges.
  case merges(MergeModel)
  /// By the scores of what neighbours make.
  case scores(PieceScores, unknown: Int32?)
  /// By the cut whose tokens have the highest scores together.
  case unigram(UnigramModel)

  /// The merges, where there is a list of them.
  var list: MergeModel? {
    if case .merges(let model) = self { model } else { nil }
  }

  /// A word that is in the vocabulary as a whole is taken without merging.
  var ignoresMerges: Bool { list?.ignoresMerges ?? false }

  /// The token for what has none.
  var unknown: Int32? {
    switch self {
    case .merges(let model): model.unknown
    case .scores(_, let unknown): unknown
    case .unigram(let model): model.unknown
    }
  }

  /// Whether no token crosses the place before a space mark that follows another character.
  ///
  /// Text may then be cut there before it is merged, which changes nothing but what it costs: words are met again.
  func cutsBeforeSpaces(_ vocabulary: Vocabulary) -> Bool {
    guard !ignoresMerges, vocabulary.alphabet is PieceAlphabet, vocabulary.word(PieceAlphabet.spaceMark) != nil else {
      return false
    }
    let texts = vocabulary.texts
    return texts.bytes.withUnsafeBufferPointer { bytes in
      for id in texts.indices {
        let range = texts.range(id)
        if vocabulary.types[id] != .unused, SpaceMarks.next(bytes, after: range.lowerBound, range.upperBound) != nil {
          return false
        }
      }
      return true
    }
  }
}

/// The places at which text in SentencePiece's spelling may be cut.
enum SpaceMarks {
  /// The first space mark behind a position that follows another character.
  static func next(_ text: UnsafeBufferPointer<UInt8>, after start: Int, _ end: Int) -> Int? {
    var position = start + 1
    while position + 3 <= end {
      if text[position] == 0xE2, isMark(text, position), position - start < 3 || !isMark(text, position - 3) {
        return position
      }
      position += 1
    }
    return nil
  }

  @inline(__always)
  private static func isMark(_ text: UnsafeBufferPointer<UInt8>, _ position: Int) -> Bool {
    text[position] == 0xE2 && text[position + 1] == 0x96 && text[position + 2] == 0x81
  }
}
