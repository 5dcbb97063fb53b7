/// The order of llama.cpp: added tokens are cut out of the text by falling length, wherever they stand.
extension AddedTokenFinder {
  /// The parts of a range of the text in order; empty texts are left out.
  func partsLongestFirst(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> [Part] {
    /// Where what is found begins, by its length.
    var found: [Int: [Int]] = [:]
    for position in range where starts[Int(text[position])] {
      if let (length, _) = longest(text, position, range.upperBound) { found[length, default: []].append(position) }
    }
    guard !found.isEmpty else { return [.text(range)] }
    var isTaken = [Bool](repeating: false, count: range.count)
    var taken: [(range: Range<Int>, token: Int32)] = []
    let first = range.lowerBound
    while let length = found.keys.max(), var places = found.removeValue(forKey: length) {
      places.sort()
      for place in places where !isTaken[place - first] {
        // What was taken before is not shorter: it covers one of the two ends if it is in the way.
        if isTaken[place + length - 1 - first] {
          let free = isTaken[(place - first)...].firstIndex(of: true) ?? range.count
          if let (length, _) = longest(text, place, first + free) { found[length, default: []].append(place) }
          continue
        }
        guard let (_, number) = longest(text, place, place + length) else { continue }
        var (start, end) = (place, place + length)
        let token = tokens[Int(number)]
        if token.stripsLeft {
          start = spaceStart(text, before: start, limit: first)
          start = isTaken[(start - first)..<(place - first)].lastIndex(of: true).map { first + $0 + 1 } ?? start
        }
        if token.stripsRight {
          let last = spaceEnd(text, from: end, range.upperBound)
          end = isTaken[(end - first)..<(last - first)].firstIndex(of: true).map { first + $0 } ?? last
        }
        for position in start..<end { isTaken[position - first] = true }
        taken.append((start..<end, token.id))
      }
    }
    taken.sort { $0.range.lowerBound < $1.range.lowerBound }
    var result: [Part] = []
    var written = first
    for (range, token) in taken {
      if written < range.lowerBound { result.append(.text(written..<range.lowerBound)) }
      result.append(.token(token))
      written = range.upperBound
    }
    if written < range.upperBound { result.append(.text(written..<range.upperBound)) }
    return result
  }
}
