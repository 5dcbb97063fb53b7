import Base

/// Text on its way to a reader.
///
/// What the program says itself stands as it is written, line feeds included. What is put into it comes from files and from
/// the command line, and is escaped: a name can neither move the cursor nor begin a line of its own. Everything that goes
/// to standard error, and everything readable that goes to standard output, is of this type.
struct TerminalText: Sendable, ExpressibleByStringInterpolation {
  /// What is written.
  private(set) var text: String

  init(stringLiteral text: String) { self.text = text }

  init(stringInterpolation: Interpolation) { text = stringInterpolation.text }

  /// Text of which only line feeds and tabs may act: help, which has lines of its own, and a model's answer.
  init(lines: String) { text = harmless(lines) { $0 == "\n" || $0 == "\t" } }

  /// Text put together from texts of this type.
  init(escaped text: String) { self.text = text }

  static func + (left: TerminalText, right: TerminalText) -> TerminalText { "\(left)\(right)" }

  static func += (left: inout TerminalText, right: TerminalText) { left.text += right.text }

  /// Builds a text from the program's words and values.
  struct Interpolation: StringInterpolationProtocol {
    fileprivate var text = ""

    init(literalCapacity: Int, interpolationCount: Int) {}

    mutating func appendLiteral(_ literal: String) { text += literal }

    /// Text that has come this way before.
    mutating func appendInterpolation(_ other: TerminalText) { text += other.text }

    /// A value; of one that is longer than any sentence, the beginning and the end.
    mutating func appendInterpolation(_ value: String) {
      text += harmless(middleCut(value))
    }

    /// The beginning of a value that may be of any length.
    mutating func appendInterpolation(_ value: String, first limit: Int) {
      var beginning = String.UnicodeScalarView(value.unicodeScalars.prefix(limit))
      if value.unicodeScalars.dropFirst(limit).first != nil { beginning.append("…") }
      text += harmless(String(beginning))
    }

    mutating func appendInterpolation(_ number: some BinaryInteger) { text += String(number) }
  }
}

extension [TerminalText] {
  /// The texts with another between them.
  func joined(separator: TerminalText) -> TerminalText {
    var result: TerminalText = ""
    for (index, text) in enumerated() { result += index == 0 ? text : separator + text }
    return result
  }
}

/// No sentence of ours is longer: what is, holds a name or a text that a file made so.
private let longestValue = 4_000

/// The text, or of one that is longer than any sentence the beginning and the end.
func middleCut(_ value: String) -> String {
  let scalars = value.unicodeScalars
  guard value.utf8.count > longestValue,
    let rest = scalars.index(scalars.startIndex, offsetBy: longestValue, limitedBy: scalars.endIndex),
    rest < scalars.endIndex
  else { return value }
  var result = String.UnicodeScalarView(scalars.prefix(longestValue / 2))
  result.append("…")
  result.append(contentsOf: scalars.suffix(longestValue / 2))
  return String(result)
}
