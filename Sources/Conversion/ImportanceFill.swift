import Quants

/// Gives importance to groups of columns that have next to none.
///
/// The weighted rules multiply every error by its importance. Where that is zero for all weights that share a scale,
/// every scale is equally good, and the group is encoded as anything; where few columns count, the scale is theirs alone and the
/// others are anything. Nothing is known of those, so in groups of which less than a quarter counts they count like the average of
/// the columns of which something is. Other groups are left to the rule.
package struct ImportanceFill {
  /// A factor for each column, expert after expert.
  package private(set) var weights: [Float]
  /// Groups that were filled in.
  package private(set) var groups = 0

  /// Fills in what a codec needs; `columns` are those of a row.
  package init(_ weights: [Float], columns: Int, codec: (any QuantCodec.Type)?) {
    self.weights = weights
    guard let group = codec?.importanceGroup, columns > 0, columns % group == 0 else { return }
    for row in stride(from: 0, to: weights.count, by: columns) {
      let average = Self.average(weights[row..<row + columns])
      // Far below the average is as good as nothing.
      let least = max(Float.leastNormalMagnitude, average * 1e-8)
      for start in stride(from: row, to: row + columns, by: group) {
        let places = start..<start + group
        guard places.count(where: { weights[$0] >= least }) < group / 4 else { continue }
        for place in places where weights[place] < least { self.weights[place] = average }
        groups += 1
      }
    }
  }

  /// The mean of what is above zero; one where nothing is.
  private static func average(_ known: ArraySlice<Float>) -> Float {
    var (sum, count) = (0.0, 0)
    for value in known where value >= .leastNormalMagnitude {
      sum += Double(value)
      count += 1
    }
    return count == 0 ? 1 : Float(sum / Double(count))
  }
}
