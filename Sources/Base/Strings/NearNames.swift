/// Finds names that someone may have meant.
package enum NearNames {
  /// Up to `count` of `names`, the most similar first, one of those that differ in numbers only.
  ///
  /// Letters count alike in either case, and a part of a name between dots that is meant counts as well as the whole.
  package static func of(_ wanted: String, in names: [String], count: Int = 5) -> [String] {
    // What a regular expression adds to a name does not make it another name.
    let letters = folded(wanted).filter { ![UInt8(ascii: "\\"), UInt8(ascii: "^"), UInt8(ascii: "$")].contains($0) }
    // Long lists are cut by a cheap measure before the exact one: names that share most pairs of letters.
    let pairs = pairs(letters)
    let ranked = names.map { (shared: Self.pairs(folded($0)).intersection(pairs).count, name: $0) }
      .sorted { $0.shared != $1.shared ? $0.shared > $1.shared : $0.name < $1.name }
    // Many of those are the same tensor in other blocks, and one of them will do.
    var kinds: Set<[UInt8]> = []
    let distances = ranked.prefix(1024).map { (distance(letters, toName: folded($0.name)), $0.name) }
      .sorted { $0.0 != $1.0 ? $0.0 < $1.0 : $0.1 < $1.1 }
    return distances.filter { kinds.insert(kind($0.1)).inserted }.prefix(count).map { shortened($0.1) }
  }

  /// The names of a short list that someone may have meant, at most three: one that differs only in case and in signs between
  /// the letters, else those that begin with it, else those that are nearest by a letter in three or fewer.
  package static func meant(_ wanted: String, among names: [String]) -> [String] {
    func letters(_ name: String) -> [UInt8] {
      folded(name).filter { $0 != UInt8(ascii: "_") && $0 != UInt8(ascii: "-") }
    }
    let word = letters(wanted)
    if let same = names.first(where: { letters($0) == word }) { return [same] }
    let begun = word.count < 2 ? [] : names.filter { letters($0).starts(with: word) }
    guard begun.isEmpty else { return Array(begun.prefix(3)) }
    let distances = names.map { (distance(word, letters($0)), $0) }
    guard let least = distances.map(\.0).min(), least * 3 <= word.count else { return [] }
    return distances.filter { $0.0 == least }.prefix(3).map(\.1)
  }

  /// The beginning of a name in small letters.
  private static func folded(_ name: String) -> [UInt8] {
    name.utf8.prefix(128).map { UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 ? $0 | 0x20 : $0 }
  }

  private static func pairs(_ letters: [UInt8]) -> Set<UInt16> {
    Set(zip(letters, letters.dropFirst()).map { UInt16($0) << 8 | UInt16($1) })
  }

  /// A name without its numbers.
  private static func kind(_ name: String) -> [UInt8] {
    name.utf8.filter { !(UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0) }
  }

  /// The distance to a whole name, or one more than to one of its parts.
  private static func distance(_ wanted: [UInt8], toName name: [UInt8]) -> Int {
    let parts = name.split(separator: UInt8(ascii: ".")).map { distance(wanted, Array($0)) + 1 }
    return min(distance(wanted, name), parts.min() ?? .max)
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
