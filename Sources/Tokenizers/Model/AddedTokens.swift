import Base
import Text

/// A token that is found in the text as it is written, before anything is split.
package struct AddedToken: Sendable, Equatable {
  /// Its number.
  package var id: Int32
  /// Its text.
  package var content: String
  /// Found only where no word character touches it.
  package var isSingleWord = false
  /// White space before it belongs to it.
  package var stripsLeft = false
  /// White space behind it belongs to it.
  package var stripsRight = false
  /// Looked for in the normalized text rather than in the text as given.
  package var isNormalized = false
  /// A control token: no part of the text a person wrote.
  package var isSpecial = false
}

/// Which added tokens are recognised in a text; the others are text like any other.
package enum AddedTokenUse: Sendable {
  /// All of them: a prompt.
  case all
  /// Those that are text, such as `<think>`, and not control tokens: a corpus, as llama.cpp reads one.
  case userDefined
  /// None.
  case ignored
}

/// Finders for both forms of a text.
struct AddedTokenFinders: Sendable {
  /// Finds added tokens in the text as given.
  let early: AddedTokenFinder
  /// Finds those that want normalized text.
  let late: AddedTokenFinder

  init(_ tokens: [AddedToken], _ normalizers: [Normalizer], _ longestFirst: Bool) throws(CheckpointError) {
    let late = tokens.filter(\.isNormalized)
    var spellings: [[UInt8]] = []
    for token in late { spellings.append(try Tokenizer.normalize(Array(token.content.utf8), normalizers)) }
    self.late = AddedTokenFinder(late, spelled: spellings, longestFirst: longestFirst)
    let early = tokens.filter { !$0.isNormalized }
    self.early = AddedTokenFinder(
      early, spelled: early.map { Array($0.content.utf8) }, longestFirst: longestFirst)
  }
}

/// Finds added tokens: leftmost first, of those the longest; or, as llama.cpp does, the longest in the whole text first.
struct AddedTokenFinder: Sendable {
  let tokens: [AddedToken]
  private let longestFirst: Bool
  private(set) var starts = [Bool](repeating: false, count: 256)
  /// Node and byte to node.
  private var edges: [UInt64: Int32] = [:]
  /// The token that ends at each node, as a place in `tokens`, or -1.
  private var ends: [Int32] = [-1]

  /// A finder for tokens spelled as given or, for those looked for in normalized text, as normalized.
  init(_ tokens: [AddedToken], spelled spellings: [[UInt8]], longestFirst: Bool = false) {
    self.tokens = tokens
    self.longestFirst = longestFirst
    for (place, spelling) in spellings.enumerated() {
      guard let first = spelling.first else { continue }
      starts[Int(first)] = true
      var node: Int32 = 0
      for byte in spelling {
        let edge = UInt64(UInt32(bitPattern: node)) << 8 | UInt64(byte)
        if let next = edges[edge] {
          node = next
        } else {
          node = Int32(truncatingIfNeeded: ends.count)
          edges[edge] = node
          ends.append(-1)
        }
      }
      ends[Int(node)] = Int32(truncatingIfNeeded: place)
    }
  }

  var isEmpty: Bool { edges.isEmpty }

  /// A piece of text, or a token in it.
  enum Part: Equatable {
    case text(Range<Int>)
    case token(Int32)
  }

  /// The parts of a range of the text in order; empty texts are left out.
  func parts(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> [Part] {
    guard !isEmpty else { return range.isEmpty ? [] : [.text(range)] }
    if longestFirst { return partsLongestFirst(text, range) }
    var result: [Part] = []
    var written = range.lowerBound
    var position = range.lowerBound
    while position < range.upperBound {
      guard starts[Int(text[position])], let (length, place) = longest(text, position, range.upperBound) else {
        position += 1
        continue
      }
      let token = tokens[Int(place)]
      var start = position
      var stop = position + length
      position = stop
      if token.isSingleWord, touchesWord(text, start, stop, range) { continue }
      if token.stripsLeft { start = spaceStart(text, before: start, limit: written) }
      if token.stripsRight { stop = spaceEnd(text, from: stop, range.upperBound) }
      start = max(start, written)
      if written < start { result.append(.text(written..<start)) }
      result.append(.token(token.id))
      written = max(stop, written)
    }
    if written < range.upperBound { result.append(.text(written..<range.upperBound)) }
    return result
  }

  func longest(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int) -> (Int, Int32)? {
    var found: (Int, Int32)?
    var node: Int32 = 0
    var position = start
    while position < end, let next = edges[UInt64(UInt32(bitPattern: node)) << 8 | UInt64(text[position])] {
      node = next
      position += 1
      if ends[Int(node)] >= 0 { found = (position - start, ends[Int(node)]) }
    }
    return found
  }

  private func touchesWord(
    _ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ stop: Int, _ range: Range<Int>
  ) -> Bool {
    if stop < range.upperBound, Self.isWord(DecodedCharacter(text, at: stop, end: range.upperBound)) { return true }
    guard start > range.lowerBound else { return false }
    let before = Self.characterStart(text, before: start, range.lowerBound)
    return Self.isWord(DecodedCharacter(text, at: before, end: start))
  }

  func spaceStart(_ text: UnsafeBufferPointer<UInt8>, before position: Int, limit: Int) -> Int {
    var position = position
    while position > limit {
      let start = Self.characterStart(text, before: position, limit)
      guard Self.isSpace(DecodedCharacter(text, at: start, end: position)) else { break }
      position = start
    }
    return position
  }

  func spaceEnd(_ text: UnsafeBufferPointer<UInt8>, from position: Int, _ end: Int) -> Int {
    var position = position
    while position < end {
      let character = DecodedCharacter(text, at: position, end: end)
      guard Self.isSpace(character) else { break }
      position += character.length
    }
    return position
  }

  private static func characterStart(_ text: UnsafeBufferPointer<UInt8>, before position: Int, _ limit: Int) -> Int {
    var start = position - 1
    while start > limit, position - start < 4, text[start] & 0xC0 == 0x80 { start -= 1 }
    return start
  }

  private static func isSpace(_ character: DecodedCharacter) -> Bool {
    character.point.map { CharacterClasses.shared[$0].contains(.space) } ?? false
  }

  private static func isWord(_ character: DecodedCharacter) -> Bool {
    guard let point = character.point, let scalar = Unicode.Scalar(point) else { return false }
    let properties = scalar.properties
    return properties.isAlphabetic || properties.isJoinControl || CharacterClasses.shared[point].contains(.mark)
      || [.decimalNumber, .connectorPunctuation].contains(properties.generalCategory)
  }
}
