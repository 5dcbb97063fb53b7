/// A few names of a list, and how many more there are.
package func listed(_ names: some Collection<String>, _ limit: Int = 5) -> String {
  let shown = names.prefix(limit).map { shortened($0) }.joined(separator: ", ")
  return names.count > limit ? "\(shown) and \(names.count - limit) more" : shown
}

/// Names that may have been meant, behind one that is refused; nothing when there are none.
package func offer(_ names: [String]) -> String {
  guard let last = names.last else { return "" }
  return " (did you mean " + (names.count > 1 ? names.dropLast().joined(separator: ", ") + " or " : "") + last + "?)"
}

/// The beginning of a name that a file may have made of any length.
package func shortened(_ name: String, limit: Int = 200) -> String {
  let scalars = name.unicodeScalars
  guard let end = scalars.index(scalars.startIndex, offsetBy: limit, limitedBy: scalars.endIndex),
    end < scalars.endIndex
  else { return name }
  return String(scalars[..<end]) + "…"
}
