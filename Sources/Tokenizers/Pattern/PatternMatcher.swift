/// Finds a pattern's matches in one piece of text, left to right.
struct PatternMatcher {
  private let pattern: Pattern
  private let text: UnsafeBufferPointer<UInt8>
  /// The piece within the text; nothing outside is seen.
  private let bounds: Range<Int>
  /// States known to fail; filled only by attempts that take long.
  private var failed: Set<UInt64> = []

  /// Choices of one attempt after which its states are remembered.
  private let patience: Int
  /// Choices that may still be tried; with none left nothing matches any more.
  private(set) var budget: Int
  /// Remembered states; beyond, all are forgotten, which costs time and not correctness.
  private static let memory = 2_000_000

  /// A matcher for a piece of a text.
  ///
  /// `patience` trades memory for speed on texts of ordinary length; `budget` bounds the choices tried in all.
  init(
    _ pattern: Pattern, _ text: UnsafeBufferPointer<UInt8>, _ bounds: Range<Int>, patience: Int = 1_000,
    budget: Int = .max
  ) {
    self.pattern = pattern
    self.text = text
    self.bounds = bounds
    self.patience = patience
    self.budget = budget
  }

  /// The leftmost match that starts at or after a position.
  mutating func first(from start: Int) -> Range<Int>? {
    var start = start
    while start <= bounds.upperBound {
      if let end = run(from: 0, at: start, remembers: true) { return start..<end }
      guard start < bounds.upperBound else { return nil }
      start += DecodedCharacter(text, at: start, end: bounds.upperBound).length
    }
    return nil
  }

  /// Runs the program; nested runs are as deep as the pattern's own nesting, never as the text is long.
  private mutating func run(from first: Int, at start: Int, remembers: Bool) -> Int? {
    var stack: [(place: Int, position: Int)] = []
    var place = first
    var position = start
    var steps = 0
    // A nested run keeps its own list: what fails in it may succeed for the pattern around it.
    var failedHere: Set<UInt64> = []
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
        budget -= 1
        guard budget > 0 else { return nil }
        if steps > patience {
          let state = UInt64(position) << 16 | UInt64(place)
          if remembers {
            if failed.count > Self.memory { failed.removeAll(keepingCapacity: true) }
            matched = failed.insert(state).inserted
          } else {
            matched = failedHere.insert(state).inserted
          }
        }
        if matched {
          stack.append((other, position))
          place = preferred
        }
      case .jump(let target): place = target
      case .look(let next, let ahead, let isNegated, let widths):
        let found =
          ahead ? run(from: place + 1, at: position, remembers: false) != nil : looksBack(place, position, widths)
        matched = found != isNegated
        place = next
      case .atomic(let next):
        if let end = run(from: place + 1, at: position, remembers: false) {
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
        if remembers, !failed.isEmpty {
          // States of the successful path did not fail; only those at its very end can be met again.
          for place in pattern.program.indices { failed.remove(UInt64(position) << 16 | UInt64(place)) }
        }
        return position
      }
      if matched { continue }
      guard let back = stack.popLast() else { return nil }
      (place, position) = back
    }
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
      if left == 0, run(from: place + 1, at: start, remembers: false) == position { return true }
    }
    return false
  }

  /// A number no set names.
  private static let strayByte: UInt32 = 0x10FFFF
}
