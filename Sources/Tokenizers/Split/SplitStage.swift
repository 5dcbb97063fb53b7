import Base
import Text

/// One pass that cuts pieces of text into smaller ones.
struct SplitStage: Sendable, Equatable {
  /// What becomes of the matches.
  enum Behavior: String, Sendable {
    case isolated = "Isolated"
    case removed = "Removed"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    case contiguous = "Contiguous"
  }

  /// What is looked for.
  enum Finder: Sendable, Equatable {
    case pattern(String)
    case literal(String)
  }

  var finder: Finder
  var behavior = Behavior.isolated
  /// The gaps between the matches count as the matches.
  var isInverted = false

  /// The pattern text, when nothing else about the stage is special: such stages are all a name can stand for.
  var plainPattern: String? {
    guard case .pattern(let text) = finder, behavior == .isolated, !isInverted else { return nil }
    return text
  }

  /// Turns matches, in order and apart, into the pieces of a range.
  func pieces(_ matches: [Range<Int>], of range: Range<Int>) -> [Range<Int>] {
    var parts: [(range: Range<Int>, isMatch: Bool)] = []
    var position = range.lowerBound
    for match in matches {
      if position < match.lowerBound { parts.append((position..<match.lowerBound, isInverted)) }
      parts.append((match, !isInverted))
      position = match.upperBound
    }
    if position < range.upperBound { parts.append((position..<range.upperBound, isInverted)) }
    var result: [Range<Int>] = []
    var wasMatch = false
    switch behavior {
    case .isolated: result = parts.map(\.range)
    case .removed: result = parts.filter { !$0.isMatch }.map(\.range)
    case .contiguous:
      for (place, part) in parts.enumerated() {
        if place > 0, part.isMatch == wasMatch, let last = result.popLast() {
          result.append(last.lowerBound..<part.range.upperBound)
        } else {
          result.append(part.range)
        }
        wasMatch = part.isMatch
      }
    case .mergedWithPrevious:
      for part in parts {
        if part.isMatch, !wasMatch, let last = result.popLast() {
          result.append(last.lowerBound..<part.range.upperBound)
        } else {
          result.append(part.range)
        }
        wasMatch = part.isMatch
      }
    case .mergedWithNext:
      for part in parts.reversed() {
        if part.isMatch, !wasMatch, let last = result.popLast() {
          result.append(part.range.lowerBound..<last.upperBound)
        } else {
          result.append(part.range)
        }
        wasMatch = part.isMatch
      }
      result.reverse()
    }
    return result.filter { !$0.isEmpty }
  }
}

/// A stage made ready to run.
enum CompiledStage: Sendable {
  case scanner(SplitRules)
  case pattern(Pattern, SplitStage)
  case literal([UInt8], SplitStage)

  init(_ stage: SplitStage) throws(CheckpointError) {
    switch stage.finder {
    case .literal(let text): self = .literal(Array(text.utf8), stage)
    case .pattern(let text):
      if stage.plainPattern != nil, let rules = PatternNames.rules(for: text) {
        self = .scanner(rules)
      } else {
        self = .pattern(try Pattern(text), stage)
      }
    }
  }

  /// The pieces of each range of the text.
  ///
  /// - Throws: `unsupported` when a pattern takes too long.
  func pieces(_ text: UnsafeBufferPointer<UInt8>, _ ranges: [Range<Int>]) throws(CheckpointError) -> [Range<Int>] {
    var result: [Range<Int>] = []
    for range in ranges { result += try pieces(text, range) }
    return result
  }

  /// The pieces of a range of the text.
  ///
  /// - Throws: `unsupported` when a pattern takes too long.
  func pieces(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) throws(CheckpointError) -> [Range<Int>] {
    switch self {
    case .scanner(let rules):
      let classes = CharacterClasses.shared
      return classes.bytes.withUnsafeBufferPointer { bytes in
        let scanner = SplitScanner(text, end: range.upperBound, rules: rules, classes: classes, bytes: bytes)
        var result: [Range<Int>] = []
        var position = range.lowerBound
        while position < range.upperBound {
          let end = scanner.wordEnd(from: position)
          result.append(position..<end)
          position = end
        }
        return result
      }
    case .pattern(let pattern, let stage):
      var matcher = PatternMatcher(pattern, text, range)
      var matches: [Range<Int>] = []
      var position = range.lowerBound
      while position <= range.upperBound, let match = matcher.first(from: position) {
        let followsAnother = match.isEmpty && matches.last?.upperBound == match.lowerBound
        if !followsAnother { matches.append(match) }
        position = match.upperBound
        if match.isEmpty {
          guard position < range.upperBound else { break }
          position += DecodedCharacter(text, at: position, end: range.upperBound).length
        }
      }
      guard !matcher.isExhausted else { throw PatternMatcher.exhaustion }
      return stage.pieces(matches, of: range)
    case .literal(let wanted, let stage):
      guard let first = wanted.first else { return [range] }
      var matches: [Range<Int>] = []
      var position = range.lowerBound
      while position + wanted.count <= range.upperBound {
        if text[position] == first, text[position..<position + wanted.count].elementsEqual(wanted) {
          matches.append(position..<position + wanted.count)
          position += wanted.count
        } else {
          position += 1
        }
      }
      return stage.pieces(matches, of: range)
    }
  }
}
