import Base

/// A regular expression over names of tensors, found anywhere in a name unless `^` and `$` hold it.
///
/// It comes from a command line or from somebody's recipe, so that neither a careless nor a hostile one may take more than moments:
/// the engine is that of the pre-tokenizers, whose time grows with the name and not with the ways to match it, under a budget
/// for what is left to abuse (looking ahead inside of looking ahead). The dialect is theirs too (`formats/recipes.md`).
package struct NamePattern: Sendable {
  /// The expression as written.
  package let text: String
  private let pattern: Pattern

  /// Far beyond what names need.
  private static let sizeLimit = 2_000
  /// Choices tried over all names of a model before the expression is refused: about a second.
  private static let budget = 20_000_000
  /// Names are short, so that states are remembered early.
  private static let patience = 64

  /// Reads an expression.
  ///
  /// - Throws: `malformed`, saying what in it cannot be used and where.
  package init(_ text: String) throws(CheckpointError) {
    self.text = text
    do {
      pattern = try Pattern(text, subject: Self.subject(text), sizeLimit: Self.sizeLimit)
    } catch {
      throw CheckpointError(.malformed, error.message)
    }
  }

  /// For each name, whether the expression is found in it.
  ///
  /// - Throws: `unsupported` when that takes too long.
  package func isFound(in names: [String]) throws(CheckpointError) -> [Bool] {
    var budget = Self.budget
    var result: [Bool] = []
    for name in names {
      var name = name
      result.append(name.withUTF8 { found(in: $0, &budget) })
      guard budget > 0 else {
        throw CheckpointError(
          .unsupported,
          "\(Self.subject(text)) takes too long to search names with; write it with fewer nested repetitions")
      }
    }
    return result
  }

  private func found(in name: UnsafeBufferPointer<UInt8>, _ budget: inout Int) -> Bool {
    var matcher = PatternMatcher(pattern, name, 0..<name.count, patience: Self.patience, budget: budget)
    let range = matcher.first(from: 0)
    budget = matcher.isExhausted ? 0 : matcher.budget
    return range != nil
  }

  private static func subject(_ text: String) -> String { "the regular expression \(shortened(text))" }
}
