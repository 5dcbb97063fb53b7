import Foundation
import Base

/// A text that tries everything a text can do to a terminal, and the proof that it could not.
package enum HostileText {
  /// Sets the window's title, rings, clears the screen, colours by a control of the second set, turns the direction of
  /// writing, and begins a line of its own.
  package static let text = "\u{1B}]0;pwned\u{7}\u{1B}[2J\u{9B}31m\u{202E}x\u{2066}y\u{2028}\u{7F}\r\nFORGED line"

  /// What a run wrote that a terminal would act upon, or a line that a text began; nil for a run that kept all texts harmless.
  package static func harm(_ run: CommandLineRun) -> String? {
    for text in [run.output, run.errors] {
      let isActive = text.unicodeScalars.contains { scalar in
        switch scalar.value {
        case 0x0A: false
        case 0..<0x20, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
      }
      let isForged = text.split(separator: "\n").contains { $0.hasPrefix("FORGED") }
      if isActive || isForged { return String(text.debugDescription.prefix(2000)) }
    }
    return [0, 2, 64].contains(run.status) ? nil : "exit \(run.status): \(run.errors.prefix(2000))"
  }

  /// A document once for each text in it, which is then the hostile one; lists are tried by their first two elements.
  package static func variants(of document: OrderedJSON) -> [OrderedJSON] {
    switch document {
    case .string: return [.string(text)]
    case .array(let elements):
      return elements.indices.prefix(2).flatMap { index in
        variants(of: elements[index]).map { changed in
          var copy = elements
          copy[index] = changed
          return .array(copy)
        }
      }
    case .object(let object):
      // Many entries of one kind say no more than two of them.
      let isUniform = object.entries.count > 8 && object.entries.allSatisfy { $0.value.objectValue != nil }
      // One key stands for all: a vocabulary has thousands.
      let renamed = object.entries.first.map { first -> [OrderedJSON] in
        var copy = OrderedObject()
        copy.append(text, first.value)
        for entry in object.entries.dropFirst() { copy.append(entry.key, entry.value) }
        return [.object(copy)]
      }
      return (renamed ?? [])
        + object.entries.prefix(isUniform ? 2 : 64).flatMap { entry in
          variants(of: entry.value).map { changed in
            var copy = object
            copy[entry.key] = changed
            return .object(copy)
          }
        }
    default: return []
    }
  }
}
