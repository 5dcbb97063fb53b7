import Base
import Text

/// A change of the text before it is split, as tokenizer.json names it.
enum Normalizer: Sendable, Equatable {
  case nfc
  case nfd
  case lowercase
  case prepend(String)
  case replace(String, with: String)
  case replacePattern(String, with: String)
  case strip(left: Bool, right: Bool)
  /// SentencePiece's replacements, the longest first, or cluster by cluster as Hugging Face's library has them.
  case map(CharacterMap, byCluster: Bool)
  /// Spaces at both ends go, and of several in a row all but one.
  case squeeze

  /// The text after this step.
  ///
  /// - Throws: `unsupported` when a pattern cannot be used.
  func apply(_ text: [UInt8]) throws(CheckpointError) -> [UInt8] {
    switch self {
    case .nfc, .nfd:
      return text.withUnsafeBufferPointer { view in
        if Self.isStable(view) && self == .nfc { return text }
        return CanonicalForm.shared.normalize(view, composing: self == .nfc)
      }
    case .lowercase:
      var output: [UInt8] = []
      for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
        output += scalar.properties.lowercaseMapping.utf8
      }
      return output
    case .prepend(let prefix): return text.isEmpty ? text : Array(prefix.utf8) + text
    case .replace(let old, let new): return Self.replacing(Array(old.utf8), with: Array(new.utf8), in: text)
    case .replacePattern(let source, let new):
      let pattern = try Pattern(source)
      return try text.withUnsafeBufferPointer { view throws(CheckpointError) in
        var matcher = PatternMatcher(pattern, view, 0..<view.count)
        var output: [UInt8] = []
        var position = 0
        while position <= view.count, let match = matcher.first(from: position) {
          output += view[position..<match.lowerBound]
          if !match.isEmpty { output += new.utf8 }
          position = match.upperBound
          if match.isEmpty {
            guard position < view.count else { break }
            output.append(view[position])
            position += 1
          }
        }
        guard !matcher.isExhausted else { throw PatternMatcher.exhaustion }
        return output + view[min(position, view.count)...]
      }
    case .map(let map, let byCluster): return byCluster ? map.appliedByCluster(text) : map.applied(text)
    case .squeeze:
      var output: [UInt8] = []
      output.reserveCapacity(text.count)
      for byte in text where byte != 0x20 || output.last.map({ $0 != 0x20 }) == true { output.append(byte) }
      if output.last == 0x20 { output.removeLast() }
      return output
    case .strip(let left, let right):
      return text.withUnsafeBufferPointer { view in
        var range = 0..<view.count
        while left, let first = range.first {
          let character = DecodedCharacter(view, at: first, end: view.count)
          guard let point = character.point, CharacterClasses.shared[point].contains(.space) else { break }
          range = first + character.length..<range.upperBound
        }
        while right, !range.isEmpty {
          var start = range.upperBound - 1
          while start > range.lowerBound, view[start] & 0xC0 == 0x80 { start -= 1 }
          let character = DecodedCharacter(view, at: start, end: range.upperBound)
          guard let point = character.point, CharacterClasses.shared[point].contains(.space) else { break }
          range = range.lowerBound..<start
        }
        return Array(view[range])
      }
    }
  }

  /// Whether no character takes part in composition or ordering: the text is in NFC as it stands.
  static func isStable(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    let classes = CharacterClasses.shared
    var position = 0
    while position < text.count {
      // Below U+0300 (bytes CC 80) everything is stable.
      if text[position] < 0xCC {
        position += 1
        continue
      }
      let character = DecodedCharacter(text, at: position, end: text.count)
      if let point = character.point, classes[point].contains(.composes) { return false }
      position += character.length
    }
    return true
  }

  private static func replacing(_ old: [UInt8], with new: [UInt8], in text: [UInt8]) -> [UInt8] {
    guard let first = old.first else { return text }
    var output: [UInt8] = []
    output.reserveCapacity(text.count)
    var position = 0
    while position < text.count {
      if text[position] == first, text[position...].starts(with: old) {
        output += new
        position += old.count
      } else {
        output.append(text[position])
        position += 1
      }
    }
    return output
  }
}
