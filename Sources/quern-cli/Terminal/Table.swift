/// Rows of text in aligned columns.
struct Table {
  /// How a column lies.
  enum Alignment {
    case left
    case right
  }

  private let columns: [(title: String, alignment: Alignment)]
  /// Escaped cells.
  private var rows: [[String]] = []

  init(_ columns: [(title: String, alignment: Alignment)]) {
    self.columns = columns
  }

  mutating func add(_ cells: [String]) {
    precondition(cells.count == columns.count, "a row has a cell for each column")
    rows.append(cells.map { ("\($0, first: Self.longestCell)" as TerminalText).text })
  }

  /// What comes from a file may be of any length, and one cell makes its whole column wide.
  private static let longestCell = 200

  /// The table, columns two spaces apart, the titles in the first line.
  var text: TerminalText {
    let lines = [columns.map(\.title)] + rows
    let widths = columns.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    let text = lines.map { cells in
      let padded = columns.indices.map { column in
        let space = String(repeating: " ", count: widths[column] - cells[column].count)
        return columns[column].alignment == .left ? cells[column] + space : space + cells[column]
      }
      var line = padded.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }.joined(separator: "\n")
    return TerminalText(escaped: text)
  }
}
