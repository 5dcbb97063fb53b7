/// The text with what a terminal would act upon written as `\u{1b}`.
package func harmless(_ text: String, except: (Unicode.Scalar) -> Bool = { _ in false }) -> String {
  if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return text }
  var result = ""
  for scalar in text.unicodeScalars {
    if isActive(scalar), !except(scalar) {
      result += "\\u{" + String(scalar.value, radix: 16) + "}"
    } else {
      result.unicodeScalars.append(scalar)
    }
  }
  return result
}

/// Whether a terminal or a viewer acts upon a character instead of showing it: controls of both sets, line and paragraph
/// separators, and what overrides the direction of writing.
package func isActive(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.value {
  case 0..<0x20, 0x7F...0x9F, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
  default: false
  }
}
