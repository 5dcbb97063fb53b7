/// One choice for every item, of least cost within a budget of bytes.
///
/// A multiplier of bytes is bisected, which finds the choices on the lower convex hull; what is left of the budget is spent by gain a byte, and then
/// pairs of items change places until no pair does better. The order of items and options decides ties, so the same input gives the same choice.
package enum TypeAllocation {
  /// What one item may become.
  package struct Option: Sendable, Equatable {
    package let bytes: Int
    package let cost: Double

    package init(bytes: Int, cost: Double) { (self.bytes, self.cost) = (bytes, cost) }
  }

  /// The number of the option of each item; nil where the smallest options together are larger than the budget.
  ///
  /// Every item has an option; costs are finite.
  package static func choose(_ items: [[Option]], budget: Int) -> [Int]? {
    let ladders = items.map(ladder)
    let least = ladders.reduce(0) { $0 + $1[0].option.bytes }
    guard least <= budget else { return nil }
    var places = bisected(ladders, budget: budget)
    var left = budget - bytes(places, ladders)
    fill(&places, ladders, &left)
    for _ in 0..<mostSweeps where exchange(&places, ladders, &left) { fill(&places, ladders, &left) }
    return zip(places, ladders).map { $1[$0].index }
  }

  /// The options of an item that are worth having, each larger and better than the one before.
  private typealias Ladder = [(index: Int, option: Option)]

  /// Halvings of the multiplier.
  private static let steps = 80
  /// Sweeps over all pairs: each ends with a better choice, and a few are enough.
  private static let mostSweeps = 64

  private static func ladder(_ options: [Option]) -> Ladder {
    precondition(!options.isEmpty, "an item has an option")
    let ordered = options.enumerated().sorted { a, b in
      (a.element.bytes, a.element.cost, a.offset) < (b.element.bytes, b.element.cost, b.offset)
    }
    var ladder: Ladder = []
    for (index, option) in ordered where ladder.last.map({ option.cost < $0.option.cost }) ?? true {
      ladder.append((index, option))
    }
    return ladder
  }

  private static func bytes(_ places: [Int], _ ladders: [Ladder]) -> Int {
    zip(places, ladders).reduce(0) { $0 + $1.1[$1.0].option.bytes }
  }

  /// The best choice on the convex hull that fits.
  private static func bisected(_ ladders: [Ladder], budget: Int) -> [Int] {
    let all = ladders.map { $0.count - 1 }
    if bytes(all, ladders) <= budget { return all }
    // Above the steepest step everything stays smallest; below the flattest everything is best.
    var slopes: [Double] = []
    for ladder in ladders {
      for (small, large) in zip(ladder, ladder.dropFirst()) {
        slopes.append(
          (small.option.cost - large.option.cost) / Double(large.option.bytes - small.option.bytes))
      }
    }
    var (low, high) = ((slopes.min() ?? 0) / 2, (slopes.max() ?? 0) * 2)
    var best = ladders.map { _ in 0 }
    for _ in 0..<steps {
      // By ratio, since slopes lie many powers of ten apart.
      let middle = low > 0 ? (low * high).squareRoot() : high / 2
      guard middle > low, middle < high else { break }
      let places = ladders.map { place(in: $0, at: middle) }
      if bytes(places, ladders) <= budget { (best, high) = (places, middle) } else { low = middle }
    }
    return best
  }

  /// The option of least cost when every byte costs `multiplier`; of equal ones the smaller.
  private static func place(in ladder: Ladder, at multiplier: Double) -> Int {
    var (best, least) = (0, Double.infinity)
    for (place, step) in ladder.enumerated() {
      let total = step.option.cost + multiplier * Double(step.option.bytes)
      if total < least { (best, least) = (place, total) }
    }
    return best
  }

  /// Spends what is left where a byte gains most.
  private static func fill(_ places: inout [Int], _ ladders: [Ladder], _ left: inout Int) {
    while true {
      var best: (item: Int, place: Int, gain: Double)?
      for (item, ladder) in ladders.enumerated() {
        let now = ladder[places[item]].option
        for place in places[item] + 1..<max(places[item] + 1, ladder.count) {
          let next = ladder[place].option
          guard next.bytes - now.bytes <= left else { break }
          let gain = (now.cost - next.cost) / Double(next.bytes - now.bytes)
          if best.map({ gain > $0.gain }) ?? true { best = (item, place, gain) }
        }
      }
      guard let best else { return }
      left -= ladders[best.item][best.place].option.bytes - ladders[best.item][places[best.item]].option.bytes
      places[best.item] = best.place
    }
  }

  /// Chooses anew for every pair of items, within what both have and what is left; returns whether any pair did better.
  private static func exchange(_ places: inout [Int], _ ladders: [Ladder], _ left: inout Int) -> Bool {
    var isBetter = false
    for first in ladders.indices {
      for second in ladders.indices.dropFirst(first + 1) {
        let (a, b) = (ladders[first], ladders[second])
        let (nowA, nowB) = (a[places[first]].option, b[places[second]].option)
        let room = nowA.bytes + nowB.bytes + left
        var best: (first: Int, second: Int)?
        // Below this nothing is gained that rounding could not take back.
        var least = (nowA.cost + nowB.cost) * (1 - 1e-12)
        var partner = b.count - 1
        for place in a.indices {
          while partner >= 0, a[place].option.bytes + b[partner].option.bytes > room { partner -= 1 }
          guard partner >= 0 else { break }
          let cost = a[place].option.cost + b[partner].option.cost
          if cost < least { (best, least) = ((place, partner), cost) }
        }
        guard let best else { continue }
        (places[first], places[second]) = (best.first, best.second)
        left = room - a[best.first].option.bytes - b[best.second].option.bytes
        isBetter = true
      }
    }
    return isBetter
  }
}
