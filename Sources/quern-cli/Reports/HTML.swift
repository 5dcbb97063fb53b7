import Base

/// Markup on its way into a page.
///
/// What the program writes itself stands as it is written; what is put into it is escaped here, once, and nowhere else: it can neither
/// end an element or an attribute nor hide characters or turn the direction of what stands around it.
struct HTML: Sendable, ExpressibleByStringInterpolation {
  /// What is written.
  private(set) var text: String

  init(stringLiteral text: String) { self.text = text }

  init(stringInterpolation: Interpolation) { text = stringInterpolation.text }

  /// Markup that is known to be such.
  init(unescaped text: String) { self.text = text }

  static func + (left: HTML, right: HTML) -> HTML { "\(left)\(right)" }

  static func += (left: inout HTML, right: HTML) { left.text += right.text }

  var isEmpty: Bool { text.isEmpty }

  /// Builds markup from the program's own and values.
  struct Interpolation: StringInterpolationProtocol {
    fileprivate var text = ""

    init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity) }

    mutating func appendLiteral(_ literal: String) { text += literal }

    /// Markup that has come this way before.
    mutating func appendInterpolation(_ markup: HTML) { text += markup.text }

    /// Pieces of markup, one after the other.
    mutating func appendInterpolation(_ pieces: [HTML]) { for piece in pieces { text += piece.text } }

    /// A value, as text or in an attribute between double quotes.
    mutating func appendInterpolation(_ value: String) { text += escaped(middleCut(value)) }

    mutating func appendInterpolation(_ number: some BinaryInteger) { text += String(number) }
  }
}

/// The text with characters of the language as references, and with those that would not be seen made visible.
private func escaped(_ text: String) -> String {
  var result = ""
  result.reserveCapacity(text.utf8.count)
  for scalar in text.unicodeScalars {
    switch scalar {
    case "&": result += "&amp;"
    case "<": result += "&lt;"
    case ">": result += "&gt;"
    case "\"": result += "&quot;"
    case "'": result += "&#39;"
    case "\n": result += "↵"
    case "\t": result += "⇥"
    case _ where isUnseen(scalar): result += shownCode(scalar)
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result
}

/// Whether a character cannot be seen, or acts upon those beside it; joiners are parts of words and of emoji.
func isUnseen(_ scalar: Unicode.Scalar) -> Bool {
  if scalar.isASCII { return isActive(scalar) }
  switch scalar.properties.generalCategory {
  case .control, .surrogate, .lineSeparator, .paragraphSeparator, .unassigned: return true
  case .format: return scalar != "\u{200C}" && scalar != "\u{200D}"
  default: return false
  }
}

/// What stands for a character that cannot be seen.
func shownCode(_ scalar: Unicode.Scalar) -> String { "\\u{" + String(scalar.value, radix: 16) + "}" }
