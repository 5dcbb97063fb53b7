import Base

/// Cuts the text of a recipe into statements of words.
///
/// Statements end with a line or a semicolon; `#` begins a comment; `/…/` is one word whatever is in it, with `\/` for a slash.
enum RecipeWords {
  /// All statements that have words, with the number of their line.
  static func statements(
    of text: String, file: String?
  ) throws(CheckpointError) -> [(words: [String], line: Int)] {
    var statements: [(words: [String], line: Int)] = []
    var words: [String] = []
    var word = ""
    var line = 1
    var isQuoted = false
    var isEscaped = false
    var isComment = false
    func endWord() {
      if !word.isEmpty { words.append(word) }
      word = ""
    }
    func endStatement() {
      endWord()
      if !words.isEmpty { statements.append((words, line)) }
      words = []
    }
    for scalar in text.unicodeScalars {
      let isEnd = scalar == "\n" || scalar == "\r"
      if isQuoted {
        guard !isEnd else { throw CheckpointError(.malformed, "line \(line): a pattern ends with /", file: file) }
        word.unicodeScalars.append(scalar)
        if isEscaped {
          isEscaped = false
        } else if scalar == "\\" {
          isEscaped = true
        } else if scalar == "/" {
          isQuoted = false
          endWord()
        }
      } else if isEnd {
        endStatement()
        isComment = false
        if scalar == "\n" { line += 1 }
      } else if isComment {
        continue
      } else if scalar == "#", word.isEmpty {
        isComment = true
      } else if scalar == ";" {
        endStatement()
      } else if scalar == " " || scalar == "\t" {
        endWord()
      } else {
        if scalar == "/", word.isEmpty || word == "!" { isQuoted = true }
        word.unicodeScalars.append(scalar)
      }
    }
    guard !isQuoted else { throw CheckpointError(.malformed, "line \(line): a pattern ends with /", file: file) }
    endStatement()
    return statements
  }

  /// A pattern as a word.
  static func quoted(_ pattern: String) -> String {
    var result = "/"
    var isEscaped = false
    for scalar in pattern.unicodeScalars {
      switch scalar {
      // A slash that is escaped already stays so; a line feed would end the statement.
      case "/": result += isEscaped ? "/" : "\\/"
      case "\n": result += isEscaped ? "n" : "\\n"
      case "\r": result += isEscaped ? "r" : "\\r"
      default: result.unicodeScalars.append(scalar)
      }
      isEscaped = scalar == "\\" && !isEscaped
    }
    return result + "/"
  }

  /// The pattern of a word; nil for a word that is none.
  static func unquoted(_ word: String) -> String? {
    let scalars = Array(word.unicodeScalars)
    guard scalars.count >= 2, scalars.first == "/", scalars.last == "/" else { return nil }
    var pattern = ""
    var isEscaped = false
    for scalar in scalars.dropFirst().dropLast() {
      if isEscaped, scalar != "/" { pattern += "\\" }
      isEscaped = scalar == "\\" && !isEscaped
      if !isEscaped { pattern.unicodeScalars.append(scalar) }
    }
    return isEscaped ? nil : pattern
  }
}
