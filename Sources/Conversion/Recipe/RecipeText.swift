import Base
import Containers
import Quants
import Text

/// The text of a recipe, one statement a line or a semicolon: what is printed, saved, recorded and read back.
extension Recipe {
  /// The recipe in one line: `recipe Q4_K_M; base Q4_K; fallback smaller-blocks; head = Q6_K; …`.
  package var text: String { statements.joined(separator: "; ") }

  /// The recipe as a file has it.
  package var document: String { statements.joined(separator: "\n") + "\n" }

  private var statements: [String] {
    ["recipe \(name)", "base \(base?.name ?? "source")", "fallback \(fallback.rawValue)"]
      + needsImportance.map { "needs-importance \($0.name)" }
      + rules.map { rule in "\(rule.conditions.map(\.text).joined(separator: " ")) = \(rule.type.name)" }
  }

  /// Reads the text of a recipe.
  ///
  /// - Throws: `malformed`, naming the line and the word.
  package init(text: String, file: String? = nil) throws(CheckpointError) {
    var recipe = Recipe(name: "", base: nil, fallback: .smallerBlocks)
    var hasBase = false
    for (words, line) in try RecipeWords.statements(of: text, file: file) {
      func fail(_ message: String) -> CheckpointError {
        CheckpointError(.malformed, "line \(line): \(message)", file: file)
      }
      func type(_ name: String) throws(CheckpointError) -> TensorType {
        guard let type = TensorType(name: name) else { throw fail("there is no type \(name)") }
        guard type.isWritable else { throw fail("weights cannot be put into the type \(type.name)") }
        return type
      }
      switch (words[0], words.count) {
      case ("recipe", 2):
        guard Self.isName(words[1]) else {
          throw fail("a recipe's name consists of letters, digits, dots, dashes and underscores, at most 64")
        }
        recipe.name = words[1]
      case ("base", 2):
        hasBase = true
        recipe.base = words[1] == "source" ? nil : try type(words[1])
      case ("fallback", 2):
        guard let fallback = Fallback(rawValue: words[1]) else {
          throw fail("fallback is half or smaller-blocks, not \(words[1])")
        }
        recipe.fallback = fallback
      case ("needs-importance", 2): recipe.needsImportance.append(try type(words[1]))
      default:
        guard words.count >= 3, words[words.count - 2] == "=" else {
          throw fail("a statement is CONDITION … = TYPE, or recipe, base, fallback or needs-importance and one word")
        }
        var conditions: [Condition] = []
        for word in words.dropLast(2) {
          guard let condition = Condition(text: word) else { throw fail("there is no condition \(word)") }
          if case .pattern(let pattern) = condition.positive {
            do throws(CheckpointError) { _ = try NamePattern(pattern) } catch { throw fail(error.message) }
          }
          conditions.append(condition)
        }
        recipe.rules.append(Rule(conditions, try type(words[words.count - 1])))
      }
    }
    guard !recipe.name.isEmpty, hasBase else {
      throw CheckpointError(.malformed, "this is not a recipe: it has to say recipe NAME and base TYPE", file: file)
    }
    self = recipe
  }

  /// Reads a recipe's file.
  package init(file path: String) throws(CheckpointError) {
    let bytes = try FileSystem.read(path, limit: 1 << 20)
    try ForeignContent.refuse(bytes, file: path, where: .recipe)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw CheckpointError(.malformed, "a recipe is UTF-8 text", file: path)
    }
    try self.init(text: text, file: path)
  }

  private static func isName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 64 && !name.hasPrefix(".")
      && name.utf8.allSatisfy { byte in
        UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
          || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || ".-_".utf8.contains(byte)
      }
  }
}

extension Recipe.Condition {
  /// The condition as one word.
  var text: String {
    switch self {
    case .role(let role): role.rawValue
    case .pattern(let pattern): RecipeWords.quoted(pattern)
    case .place(.first(let count)): "first-\(count)"
    case .place(.firstPart(let parts)): "first-1/\(parts)"
    case .place(.firstPartByCount(let parts)): "counted-1/\(parts)"
    case .place(.inner(let parts)): "inner-1/\(parts)"
    case .place(.moreBits): "more-bits"
    case .stacked: "stacked"
    case .fits: "fits"
    case .type(let type): "type=\(type.name)"
    case .importance: "importance"
    case .architecture(let name): "architecture=\(name)"
    case .is70B: "size=70B"
    case .groups(let count): "groups>=\(count)"
    case .experts(let count): "experts>=\(count)"
    case .expertCount(let count): "experts=\(count)"
    case .not(let condition): "!" + condition.text
    }
  }

  /// The condition of a word; nil when there is none.
  init?(text: String) {
    func number(_ prefix: String) -> Int? {
      guard text.hasPrefix(prefix), let number = Int(text.dropFirst(prefix.count)), 1...1_000_000 ~= number else {
        return nil
      }
      return number
    }
    if text.hasPrefix("!"), !text.hasPrefix("!!"), let condition = Self(text: String(text.dropFirst())) {
      self = .not(condition)
    } else if let pattern = RecipeWords.unquoted(text) {
      self = .pattern(pattern)
    } else if let role = Recipe.Role(rawValue: text) {
      self = .role(role)
    } else if let plain = ["stacked": Self.stacked, "fits": .fits, "importance": .importance, "size=70B": .is70B][text]
    {
      self = plain
    } else if text == "more-bits" {
      self = .place(.moreBits)
    } else if let parts = number("first-1/") {
      self = .place(.firstPart(parts))
    } else if let count = number("first-") {
      self = .place(.first(count))
    } else if let parts = number("counted-1/") {
      self = .place(.firstPartByCount(parts))
    } else if let parts = number("inner-1/") {
      self = .place(.inner(parts))
    } else if let count = number("groups>=") {
      self = .groups(atLeast: count)
    } else if let count = number("experts>=") {
      self = .experts(atLeast: count)
    } else if let count = number("experts=") {
      self = .expertCount(count)
    } else if text.hasPrefix("type="), let type = TensorType(name: String(text.dropFirst(5))) {
      self = .type(type)
    } else if text.hasPrefix("architecture="), text.utf8.count > 13 {
      self = .architecture(String(text.dropFirst(13)))
    } else {
      return nil
    }
  }
}
