/// Canonical decomposition and composition (Unicode Annex 15), with the tables Hugging Face `tokenizers` has.
///
/// Neither the standard library (whose normalization is not public) nor Foundation (which on Linux leaves some Hangul
/// syllables in two) will do: token ids must be the same on every platform and equal those of a model's training.
package struct CanonicalForm: Sendable {
  private var classes: [UInt32: UInt8] = [:]
  private var decompositions: [UInt32: (UInt32, UInt32)] = [:]
  private var compositions: [UInt64: UInt32] = [:]

  package static let shared = CanonicalForm()

  private init() {
    let runs = CanonicalTables.combining
    var at: UInt32 = 0
    for k in stride(from: 0, to: runs.count, by: 3) {
      at += runs[k]
      for point in at..<at + runs[k + 1] { classes[point] = UInt8(truncatingIfNeeded: runs[k + 2]) }
      at += runs[k + 1]
    }
    let excluded = Set(CanonicalTables.excluded)
    let rows = CanonicalTables.decompositions
    at = 0
    for k in stride(from: 0, to: rows.count, by: 3) {
      at += rows[k]
      decompositions[at] = (rows[k + 1], rows[k + 2])
      if rows[k + 2] != 0, !excluded.contains(at) { compositions[Self.pair(rows[k + 1], rows[k + 2])] = at }
    }
  }

  /// The code points that normalization to NFC may change, move or join with the one before.
  package var unstable: Set<UInt32> {
    var result = Set(classes.keys)
    for (point, parts) in decompositions where compositions[Self.pair(parts.0, parts.1)] != point {
      result.insert(point)
    }
    for (point, _) in decompositions {
      // The second part joins what stands before it, whatever its own class.
      if let parts = decompositions[point], parts.1 != 0 { result.insert(parts.1) }
    }
    result.formUnion(Hangul.vowels.lowerBound..<Hangul.vowels.upperBound)
    result.formUnion(Hangul.trails.lowerBound..<Hangul.trails.upperBound)
    return result
  }

  private enum Hangul {
    static let syllables: Range<UInt32> = 0xAC00..<0xD7A4
    static let leads: Range<UInt32> = 0x1100..<0x1113
    static let vowels: Range<UInt32> = 0x1161..<0x1176
    /// Without the filler at 0x11A7, which stands for no trailing consonant.
    static let trails: Range<UInt32> = 0x11A8..<0x11C3
  }

  private static func pair(_ a: UInt32, _ b: UInt32) -> UInt64 { UInt64(a) << 32 | UInt64(b) }

  /// The text decomposed (NFD) and, if asked, composed again (NFC); bytes of no valid sequence stay as they are.
  package func normalize(_ text: UnsafeBufferPointer<UInt8>, composing: Bool) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(text.count + text.count / 8)
    var run: [UInt32] = []
    var position = 0
    func flush() {
      reorder(&run)
      if composing { compose(&run) }
      for point in run { append(point, to: &output) }
      run.removeAll(keepingCapacity: true)
    }
    while position < text.count {
      let character = DecodedCharacter(text, at: position, end: text.count)
      position += character.length
      guard let point = character.point else {
        flush()
        output.append(text[position - 1])
        continue
      }
      // Nothing reaches back over an ASCII character, so a run ends before each.
      if point < 0x80 { flush() }
      decompose(point, into: &run)
    }
    flush()
    return output
  }

  private func decompose(_ point: UInt32, into run: inout [UInt32]) {
    if Hangul.syllables.contains(point) {
      let index = point - Hangul.syllables.lowerBound
      run.append(Hangul.leads.lowerBound + index / 588)
      run.append(Hangul.vowels.lowerBound + index % 588 / 28)
      if index % 28 != 0 { run.append(0x11A7 + index % 28) }
      return
    }
    // First parts decompose further at most a few times; second parts never do.
    var first = point
    var tail: [UInt32] = []
    while first >= 0xC0, let parts = decompositions[first] {
      if parts.1 != 0 { tail.append(parts.1) }
      first = parts.0
    }
    run.append(first)
    for second in tail.reversed() { decompose(second: second, into: &run) }
  }

  private func decompose(second: UInt32, into run: inout [UInt32]) {
    if let parts = decompositions[second] {
      run.append(parts.0)
      if parts.1 != 0 { run.append(parts.1) }
    } else {
      run.append(second)
    }
  }

  private func combiningClass(_ point: UInt32) -> UInt8 { point < 0x300 ? 0 : classes[point] ?? 0 }

  /// Sorts each stretch of combining marks by class, keeping the order within a class.
  private func reorder(_ run: inout [UInt32]) {
    var start = 0
    while start < run.count {
      guard combiningClass(run[start]) != 0 else {
        start += 1
        continue
      }
      var end = start + 1
      while end < run.count, combiningClass(run[end]) != 0 { end += 1 }
      if end - start > 1 {
        // Sorting by (class, place) keeps the order of equals and stays fast for endless marks.
        let sorted = run[start..<end].enumerated().map { (combiningClass($1), $0, $1) }
          .sorted { ($0.0, $0.1) < ($1.0, $1.1) }
        for (k, mark) in sorted.enumerated() { run[start + k] = mark.2 }
      }
      start = end
    }
  }

  /// Joins each mark with its starter where a composed character exists and nothing of its class stands between.
  private func compose(_ run: inout [UInt32]) {
    guard run.count > 1 else { return }
    var kept = 0
    var starter: Int?
    var previous: UInt8 = 0
    for point in run {
      let own = combiningClass(point)
      if let place = starter, kept == place + 1 || previous < own, let joined = join(run[place], point) {
        run[place] = joined
        continue
      }
      if own == 0 { starter = kept }
      previous = own
      run[kept] = point
      kept += 1
    }
    run.removeSubrange(kept...)
  }

  private func join(_ a: UInt32, _ b: UInt32) -> UInt32? {
    if Hangul.leads.contains(a), Hangul.vowels.contains(b) {
      return Hangul.syllables.lowerBound + ((a - Hangul.leads.lowerBound) * 21 + b - Hangul.vowels.lowerBound) * 28
    }
    if Hangul.syllables.contains(a), (a - Hangul.syllables.lowerBound) % 28 == 0, Hangul.trails.contains(b) {
      return a + b - 0x11A7
    }
    return compositions[Self.pair(a, b)]
  }
}
