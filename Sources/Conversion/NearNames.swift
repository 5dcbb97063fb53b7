import Tensors

/// Finds names that someone may have meant.
enum NearNames {
  /// Up to `count` of `names`, the most similar first.
  static func of(_ wanted: String, in names: [String], count: Int = 5) -> [String] {
    // Long lists are cut by a cheap measure before the exact one: names that share most pairs of letters.
    let letters = Array(wanted.utf8.prefix(128))
    let pairs = Set(zip(letters, letters.dropFirst()).map { UInt16($0) << 8 | UInt16($1) })
    let ranked = names.map { name -> (shared: Int, name: String) in
      let other = Array(name.utf8.prefix(128))
      let shared = Set(zip(other, other.dropFirst()).map { UInt16($0) << 8 | UInt16($1) }).intersection(pairs).count
      return (shared, name)
    }.sorted { $0.shared != $1.shared ? $0.shared > $1.shared : $0.name < $1.name }
    return ranked.prefix(64).map { (distance(letters, Array($0.name.utf8.prefix(128))), $0.name) }
      .sorted { $0.0 != $1.0 ? $0.0 < $1.0 : $0.1 < $1.1 }.prefix(count).map { printable($0.1) }
  }

  /// The number of single-letter edits between two names.
  private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, y) in b.enumerated() {
        let above = row[j + 1]
        row[j + 1] = min(above + 1, row[j] + 1, diagonal + (x == y ? 0 : 1))
        diagonal = above
      }
    }
    return row[b.count]
  }
}
