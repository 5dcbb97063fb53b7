/// A table of a page: a caption, a header that is scoped, rows whose first cell names them.
///
/// On a narrow screen each row is a block of its own, with the column's title beside each value.
struct PageTable {
  enum Alignment {
    case left, right
  }

  /// Widths below which rows are blocks: of a table, and of one with many columns.
  static let (narrow, narrowOfMany) = (700, 1080)

  private let caption: HTML
  private let columns: [(title: String, alignment: Alignment)]
  private var rows: [HTML] = []

  init(_ caption: HTML, _ columns: [(title: String, alignment: Alignment)]) {
    self.caption = caption
    self.columns = columns
  }

  var isEmpty: Bool { rows.isEmpty }

  /// Adds a row of cells that are markup already.
  mutating func add(_ cells: [HTML]) {
    precondition(cells.count == columns.count, "a row has a cell for each column")
    var row: HTML = ""
    for (place, cell) in cells.enumerated() {
      let number: HTML = columns[place].alignment == .right ? " class=n" : ""
      row += place == 0 ? "<th scope=row\(number)>\(cell)</th>" : "<td\(number)>\(cell)</td>"
    }
    rows.append("<tr>\(row)</tr>\n")
  }

  /// The table; `id` is its own on the page.
  func markup(id: String) -> HTML {
    let isMany = columns.count > 6
    var heads: HTML = ""
    var rules: HTML = ""
    for (place, column) in columns.enumerated() {
      heads += "<th scope=col\(column.alignment == .right ? " class=n" : "" as HTML)>\(column.title)</th>"
      // What stands in a style sheet is the program's own words alone.
      if place > 0 { rules += "#\(id) td:nth-of-type(\(place))::before{content:\"\(column.title)\"}" }
    }
    return """
      <style>@media screen and (max-width:\(isMany ? Self.narrowOfMany : Self.narrow)px){\(rules)}</style>
      <table id="\(id)"\(isMany ? " class=many" : "" as HTML)><caption>\(caption)</caption>
      <thead><tr>\(heads)</tr></thead>
      <tbody>\(rows)</tbody></table>

      """
  }
}
