import Quants
import Tensors

/// Gives importance to groups of columns that have none.
///
/// The weighted rules multiply every error by its importance. Where that is zero for all weights that share a scale,
/// every scale is equally good, and the group is encoded as anything: nothing is known there, so its columns count like the
/// average of those of which something is. Groups in which one column counts are left to the rule.
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
      let known = weights[row..<row + columns]
      let empty = stride(from: row, to: row + columns, by: group).filter { start in
        known[start..<start + group].allSatisfy { $0 < .leastNormalMagnitude }
      }
      if empty.isEmpty { continue }
      let average = Self.average(known)
      for start in empty {
        self.weights.replaceSubrange(start..<start + group, with: repeatElement(average, count: group))
      }
      groups += empty.count
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
