import Text

/// Cuts text into the words of `SplitRules`, one look at each byte.
///
/// The order of the rules is that of the pattern's alternatives, and each takes what a backtracking expression would.
struct SplitScanner {
  private let text: UnsafeBufferPointer<UInt8>
  private let end: Int
  private let rules: SplitRules
  private let bytes: UnsafeBufferPointer<CharacterClass>
  private let classes: CharacterClasses
  private let word: CharacterClass
  /// What a sign is not.
  private let notSign: CharacterClass
  private static let spaceByte = UInt8(ascii: " ")

  /// A scanner over `text[..<end]`.
  ///
  /// `bytes` are `CharacterClasses.bytes`, which the caller keeps alive.
  init(
    _ text: UnsafeBufferPointer<UInt8>, end: Int, rules: SplitRules, classes: CharacterClasses,
    bytes: UnsafeBufferPointer<CharacterClass>
  ) {
    self.text = text
    self.end = end
    self.rules = rules
    self.classes = classes
    self.bytes = bytes
    word = rules.wordsTakeMarks ? [.letter, .mark] : .letter
    notSign = [.space, .number, .letter, word]
  }

  @inline(__always)
  private func character(at position: Int) -> (CharacterClass, Int) {
    let quick = bytes[Int(text[position])]
    if !quick.isWide { return (quick, 1) }
    return wideCharacter(at: position)
  }

  @inline(never)
  private func wideCharacter(at position: Int) -> (CharacterClass, Int) {
    let character = DecodedCharacter(text, at: position, end: end)
    guard let point = character.point else { return ([], 1) }
    return (classes[point], character.length)
  }

  /// The first position at or after this one whose character is in none of the classes, or the end.
  @inline(__always)
  private func skip(_ kind: CharacterClass, from start: Int) -> Int {
    var position = start
    while position < end {
      let (own, length) = character(at: position)
      if own.isDisjoint(with: kind) { break }
      position += length
    }
    return position
  }

  @inline(__always)
  private func skipSigns(from start: Int) -> Int {
    var position = start
    while position < end {
      let (own, length) = character(at: position)
      if !own.isDisjoint(with: notSign) { break }
      position += length
    }
    return position
  }

  /// The end of the word that starts at a position before the end of the text.
  @inline(__always)
  func wordEnd(from start: Int) -> Int { rules.isGPT2 ? wordEndGPT2(from: start) : wordEndModern(from: start) }

  private func wordEndModern(from start: Int) -> Int {
    let lead = text[start]
    if lead == UInt8(ascii: "'"), let stop = contraction(at: start) { return stop }
    let (own, length) = character(at: start)
    let second = start + length
    if !own.isDisjoint(with: word) { return skip(word, from: second) }
    if own.contains(.number) { return numberEnd(from: second) }
    guard second < end else { return end }
    let (next, nextLength) = character(at: second)
    if !own.contains(.newline), !next.isDisjoint(with: word) { return skip(word, from: second + nextLength) }
    let isSign = own.isDisjoint(with: notSign)
    if isSign || lead == Self.spaceByte && next.isDisjoint(with: notSign) {
      var stop = isSign ? skipSigns(from: second) : skipSigns(from: second + nextLength)
      while stop < end, text[stop] == 0x0A || text[stop] == 0x0D { stop += 1 }
      return stop
    }
    return spaceEnd(from: start, breaksLines: true)
  }

  private func wordEndGPT2(from start: Int) -> Int {
    let lead = text[start]
    if lead == UInt8(ascii: "'"), let stop = contraction(at: start) { return stop }
    var first = start
    var (own, length) = character(at: start)
    if lead == Self.spaceByte, start + 1 < end {
      let (next, nextLength) = character(at: start + 1)
      if !next.contains(.space) { (first, own, length) = (start + 1, next, nextLength) }
    }
    let second = first + length
    if !own.isDisjoint(with: word) { return skip(word, from: second) }
    if own.contains(.number) { return numberEnd(from: second) }
    if !own.contains(.space) { return skipSigns(from: second) }
    return spaceEnd(from: start, breaksLines: false)
  }

  private func numberEnd(from second: Int) -> Int {
    var position = second
    var left = rules.numberRun - 1
    while left > 0, position < end {
      let (own, length) = character(at: position)
      guard own.contains(.number) else { break }
      position += length
      left -= 1
    }
    return position
  }

  /// White space: up to its last line end if it has one, else all of it at the end of the text, else all but its last
  /// character, which the next word may take, unless it is the only one.
  private func spaceEnd(from start: Int, breaksLines: Bool) -> Int {
    var position = start
    var last = start
    var afterLine: Int?
    while position < end {
      let (own, length) = character(at: position)
      guard own.contains(.space) else { break }
      last = position
      position += length
      if own.contains(.newline) { afterLine = position }
    }
    if breaksLines, let afterLine { return afterLine }
    return position == end || last == start ? position : last
  }

  /// The end of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d`; folding case, the long s is an s.
  private func contraction(at start: Int) -> Int? {
    guard start + 1 < end else { return nil }
    let fold: UInt8 = rules.anyCaseContractions ? 0x20 : 0
    let first = text[start + 1]
    let second = start + 2 < end ? text[start + 2] : 0
    if rules.anyCaseContractions, first == 0xC5, second == 0xBF { return start + 3 }
    // Setting bit 5 also turns other bytes into letters: only what was a letter may match.
    guard first | 0x20 >= 0x61, first < 0x80 else { return nil }
    switch first | fold {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
    case UInt8(ascii: "r"), UInt8(ascii: "v"):
      return second < 0x80 && second >= 0x41 && second | fold == UInt8(ascii: "e") ? start + 3 : nil
    case UInt8(ascii: "l"):
      return second < 0x80 && second >= 0x41 && second | fold == UInt8(ascii: "l") ? start + 3 : nil
    default: return nil
    }
  }
}
