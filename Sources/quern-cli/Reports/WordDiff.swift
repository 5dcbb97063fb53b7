/// What two answers have in common, word by word.
struct WordDiff {
  enum Piece: Equatable {
    case same(String)
    case removed(String)
    case added(String)
  }

  /// The words of both in order; spaces stay with the word before them.
  let pieces: [Piece]

  init(from before: String, to after: String) {
    let (a, b) = (Self.words(before), Self.words(after))
    // The longest common subsequence; answers are a few dozen words, and longer ones are told as a whole.
    guard a.count * b.count <= 250_000 else {
      pieces = before == after ? [.same(before)] : [.removed(before), .added(after)]
      return
    }
    var length = [[Int]](repeating: [Int](repeating: 0, count: b.count + 1), count: a.count + 1)
    for i in a.indices.reversed() {
      for j in b.indices.reversed() {
        length[i][j] = a[i] == b[j] ? length[i + 1][j + 1] + 1 : max(length[i + 1][j], length[i][j + 1])
      }
    }
    var found: [Piece] = []
    var (i, j) = (0, 0)
    while i < a.count || j < b.count {
      if i < a.count, j < b.count, a[i] == b[j] {
        found.append(.same(a[i]))
        (i, j) = (i + 1, j + 1)
      } else if j == b.count || i < a.count && length[i + 1][j] >= length[i][j + 1] {
        found.append(.removed(a[i]))
        i += 1
      } else {
        found.append(.added(b[j]))
        j += 1
      }
    }
    pieces = Self.joined(found)
  }

  private static func words(_ text: String) -> [String] {
    var words: [String] = []
    var word = ""
    for character in text {
      if let last = word.last, last.isWhitespace, !character.isWhitespace {
        words.append(word)
        word = ""
      }
      word.append(character)
    }
    return word.isEmpty ? words : words + [word]
  }

  private static func joined(_ pieces: [Piece]) -> [Piece] {
    var result: [Piece] = []
    for piece in pieces {
      switch (result.last, piece) {
      case (.same(let a)?, .same(let b)): result[result.count - 1] = .same(a + b)
      case (.removed(let a)?, .removed(let b)): result[result.count - 1] = .removed(a + b)
      case (.added(let a)?, .added(let b)): result[result.count - 1] = .added(a + b)
      default: result.append(piece)
      }
    }
    return result
  }
}
