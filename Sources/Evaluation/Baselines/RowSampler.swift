import Runtime
import Libc

/// Chooses what a baseline keeps of a row of predictions.
///
/// The likeliest tokens and the text's are kept; of the others every one with p at or above a threshold, and those below with
/// probability p / threshold, drawn evenly along descending p with one number for the position. The threshold is such that `entries` are
/// kept in all, the text's token apart.
package struct RowSampler: Sendable {
  package let entries: Int
  package let seed: UInt64

  package init(entries: Int, seed: UInt64) {
    precondition(entries > RowSample.likeliestCount, "something is drawn beside the likeliest")
    self.entries = entries
    self.seed = seed
  }

  /// What is kept of ln p of every token; `position` counts all positions of a baseline.
  package func sample(
    _ row: [Double], token: Int32, position: Int, entropy: Double
  ) -> RowSample {
    let drawn = entries - RowSample.likeliestCount
    let order = Self.order(row, exact: entries + 1)
    let likeliest = order.prefix(RowSample.likeliestCount).map {
      RowSample.Likely(id: $0, logProbability: Float(row[Int($0)]))
    }
    let least = Double(likeliest.last?.logProbability ?? 0)
    // Deeper ones cannot be written, and have a share of e^-32 of what can.
    let deepest = least - Double(UInt16.max) / RowSample.depthUnit
    var remaining = 0.0
    var rest: [(id: Int32, p: Double)] = []
    rest.reserveCapacity(order.count)
    for id in order.dropFirst(likeliest.count) where id != token {
      let b = row[Int(id)]
      if b >= deepest { rest.append((id, exp(b))) } else { remaining += exp(b) }
    }
    let (sure, threshold) = Self.threshold(rest.lazy.map(\.p), keeping: drawn)
    var kept = rest[..<sure].map(\.id)
    if threshold > 0 {
      let start = SplitMix64.unit(position, seed: seed)
      var (reached, next) = (0.0, start)
      for (id, p) in rest[sure...] {
        reached += p / threshold
        if reached > next {
          kept.append(id)
          next += 1
        } else {
          remaining += p
        }
      }
    }
    let others = kept.sorted().map { id in
      let depth = ((least - row[Int(id)]) * RowSample.depthUnit).rounded()
      return RowSample.Other(id: id, depth: UInt16(min(max(depth, 0), Double(UInt16.max))))
    }
    return RowSample(
      likeliest: likeliest, others: others, text: row[Int(token)], entropy: entropy, remaining: remaining,
      threshold: Float(threshold))
  }

  /// How many are kept for sure, and the threshold below which the others are drawn: Σ min(1, p / threshold) is `count`.
  ///
  /// The first `count` of `masses` are in descending order, and none after them is larger. Where there are no more than that, all are
  /// kept and the threshold is 0.
  package static func threshold(
    _ masses: some RandomAccessCollection<Double>, keeping count: Int
  ) -> (sure: Int, threshold: Double) {
    guard masses.count > count else { return (masses.count, 0) }
    let head = Array(masses.prefix(count))
    // From the smallest on, so that small ones are not lost in large ones.
    var tail = [Double](repeating: 0, count: count + 1)
    tail[count] = masses.dropFirst(count).reduce(0, +)
    for place in head.indices.reversed() { tail[place] = tail[place + 1] + head[place] }
    let sure = head.indices.first { head[$0] * Double(count - $0) < tail[$0] } ?? count
    return (sure, sure < count ? tail[sure] / Double(count - sure) : 0)
  }

  /// Ids from the likeliest on: at least the first `exact` in order, of equals the lower id first; the others by sixteenths of a nat.
  private static func order(_ row: [Double], exact: Int) -> [Int32] {
    let (unit, count) = (16.0, 1024)
    let largest = row.max() ?? 0
    var ends = [Int](repeating: 0, count: count + 1)
    let keys = row.map { UInt16(min(Double(count - 1), (largest - $0) * unit)) }
    for key in keys { ends[Int(key) + 1] += 1 }
    for key in 0..<count { ends[key + 1] += ends[key] }
    let sorted = ends.first { $0 >= min(exact, row.count) } ?? row.count
    var order = [Int32](repeating: 0, count: row.count)
    for (id, key) in keys.enumerated() {
      order[ends[Int(key)]] = Int32(id)
      ends[Int(key)] += 1
    }
    order[..<sorted].sort { a, b in
      let (first, second) = (row[Int(a)], row[Int(b)])
      return first != second ? first > second : a < b
    }
    return order
  }
}
