import Base

/// Finds a pattern's matches in one piece of text, left to right.
package struct PatternMatcher {
  private let pattern: Pattern
  private let text: UnsafeBufferPointer<UInt8>
  /// The piece within the text; nothing outside is seen.
  private let bounds: Range<Int>
  /// States known to fail; filled only by attempts that take long.
  private var failed: Set<UInt64> = []
  /// Where states of looks and atomic groups get to, -1 for those that fail: the same wherever their group was entered.
  private var known: [UInt64: Int] = [:]
  /// Where the attempt under way began.
  private var attempt = 0
  /// Whether the search was given up: the pattern takes too long on this text, and no answer of `first` counts.
  package private(set) var isExhausted = false

  /// The error for a search that was given up.
  package static let exhaustion = CheckpointError(
    .unsupported, "a pattern of the tokenizer takes too long on this text: it looks too far ahead from everywhere")

  /// Steps of one attempt after which its states are remembered.
  private let patience: Int
  /// Choices that may still be tried, a choice within a look counting eight; with none left the search is given up.
  private(set) var budget: Int
  /// Remembered states; a search that needs more is given up, since without them it takes time that grows with the square.
  private static let memory = 2_000_000

  /// A matcher for a piece of a text.
  ///
  /// `patience` trades memory for speed on texts of ordinary length; `budget` bounds the choices tried in all. Without one
  /// it is what remembered states cannot exceed: so many of each place of the text as the program has places, and the
  /// patience of one attempt.
  package init(
    _ pattern: Pattern, _ text: UnsafeBufferPointer<UInt8>, _ bounds: Range<Int>, patience: Int = 200,
    budget: Int? = nil
  ) {
    self.pattern = pattern
    self.text = text
    self.bounds = bounds
    self.patience = patience
    self.budget = budget ?? (bounds.count + 1) * (patience + pattern.program.count) * 16
  }

  /// The leftmost match that starts at or after a position; nil too when the search was given up.
  package mutating func first(from start: Int) -> Range<Int>? {
    var start = start
    while start <= bounds.upperBound, !isExhausted {
      attempt = start
      let end = run(from: 0, at: start, isNested: false)
      if isExhausted { return nil }
      if let end { return start..<end }
      guard start < bounds.upperBound else { return nil }
      start += DecodedCharacter(text, at: start, end: bounds.upperBound).length
    }
    return nil
  }

  /// Runs the program; nested runs are as deep as the pattern's own nesting, never as the text is long.
  private mutating func run(from first: Int, at start: Int, isNested: Bool) -> Int? {
    var stack: [(place: Int, position: Int, trail: Int)] = []
    // The states on the way that is being tried; where it gets, they get.
    var trail: [UInt64] = []
    var place = first
    var position = start
    var steps = 0
    while true {
      var matched = true
      switch pattern.program[place] {
      case .characters(let set):
        if position < bounds.upperBound {
          let character = DecodedCharacter(text, at: position, end: bounds.upperBound)
          // A stray byte is a character of no class: it is only in sets that are negated.
          matched = pattern.accepts(set, character.point ?? Self.strayByte)
          position += character.length
        } else {
          matched = false
        }
        place += 1
      case .split(let preferred, let other):
        steps += 1
        // A state of a nested run is looked up and kept each time, which costs about eight plain choices.
        budget -= isNested ? 8 : 1
        guard budget > 0 else {
          isExhausted = true
          return nil
        }
        let state = UInt64(position) << 16 | UInt64(place)
        if isNested {
          if let end = known[state] {
            if end >= 0 { return succeed(trail, end) }
            matched = false
          } else {
            // A failure until the way through it succeeds. No repetition has an empty body, so no way leads back to it.
            guard remember() else { return nil }
            known[state] = -1
            trail.append(state)
          }
        } else if steps > patience {
          guard remember() else { return nil }
          matched = failed.insert(state).inserted
        }
        if matched {
          stack.append((other, position, trail.count))
          place = preferred
        }
      case .jump(let target): place = target
      case .look(let next, let ahead, let isNegated, let widths):
        let found =
          ahead ? run(from: place + 1, at: position, isNested: true) != nil : looksBack(place, position, widths)
        if isExhausted { return nil }
        matched = found != isNegated
        place = next
      case .atomic(let next):
        let end = run(from: place + 1, at: position, isNested: true)
        if isExhausted { return nil }
        if let end {
          position = end
          place = next
        } else {
          matched = false
        }
      case .lineStart:
        matched = position == bounds.lowerBound || text[position - 1] == 0x0A
        place += 1
      case .lineEnd:
        matched = position == bounds.upperBound || text[position] == 0x0A
        place += 1
      case .textStart:
        matched = position == bounds.lowerBound
        place += 1
      case .textEnd:
        matched = position == bounds.upperBound
        place += 1
      case .accept:
        if isNested { return succeed(trail, position) }
        if !failed.isEmpty {
          // States of the successful path did not fail; only those at its very end can be met again.
          for place in pattern.program.indices { failed.remove(UInt64(position) << 16 | UInt64(place)) }
        }
        return position
      }
      if matched { continue }
      guard let back = stack.popLast() else { return nil }
      (place, position) = (back.place, back.position)
      trail.removeLast(trail.count - back.trail)
    }
  }

  /// Notes where the states of a nested run's way get to.
  private mutating func succeed(_ trail: [UInt64], _ end: Int) -> Int {
    for state in trail { known[state] = end }
    return end
  }

  /// Makes room for one more state; false when the search is given up.
  ///
  /// States before the attempt are not met again, except by looks behind it, which are no wider than 64 characters.
  private mutating func remember() -> Bool {
    guard failed.count + known.count >= Self.memory else { return true }
    let oldest = UInt64(max(bounds.lowerBound, attempt - 256)) << 16
    failed = failed.filter { $0 >= oldest }
    known = known.filter { $0.key >= oldest }
    isExhausted = failed.count + known.count > Self.memory / 2
    return !isExhausted
  }

  private mutating func looksBack(_ place: Int, _ position: Int, _ widths: [Int]) -> Bool {
    for width in widths {
      var start = position
      var left = width
      while left > 0, start > bounds.lowerBound {
        start -= 1
        while start > bounds.lowerBound, text[start] & 0xC0 == 0x80, position - start < 4 * width { start -= 1 }
        left -= 1
      }
      if left == 0, run(from: place + 1, at: start, isNested: true) == position { return true }
    }
    return false
  }

  /// A number no set names.
  private static let strayByte: UInt32 = 0x10FFFF
}
