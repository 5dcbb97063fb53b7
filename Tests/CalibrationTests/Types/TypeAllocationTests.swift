import Calibration
import Testing

/// One choice for every item within a budget.
struct TypeAllocationTests {
  private typealias Option = TypeAllocation.Option

  /// Items with options of any order, some of them worse and larger than others.
  private static func items(_ count: Int, seed: UInt64) -> [[TypeAllocation.Option]] {
    var numbers = Numbers(seed)
    return (0..<count).map { _ in
      (0..<1 + numbers.next(5)).map { _ in
        Option(bytes: 1 + numbers.next(40), cost: Double(numbers.next(1_000)) / 64)
      }
    }
  }

  private static func sum(_ items: [[Option]], _ choice: [Int]) -> (bytes: Int, cost: Double) {
    zip(items, choice).reduce((0, 0)) { ($0.0 + $1.0[$1.1].bytes, $0.1 + $1.0[$1.1].cost) }
  }

  /// Every choice there is.
  private static func all(_ items: [[Option]]) -> [[Int]] {
    items.reduce([[]]) { sofar, options in sofar.flatMap { start in options.indices.map { start + [$0] } } }
  }

  @Test(arguments: 0..<60)
  func `two items are chosen best, and of more no two could be chosen better`(seed: UInt64) throws {
    let items = Self.items(seed % 2 == 0 ? 2 : 5, seed: seed)
    let least = items.reduce(0) { $0 + ($1.map(\.bytes).min() ?? 0) }
    let most = items.reduce(0) { $0 + ($1.map(\.bytes).max() ?? 0) }
    #expect(TypeAllocation.choose(items, budget: least - 1) == nil)
    for budget in least...most {
      let choice = try #require(TypeAllocation.choose(items, budget: budget))
      let found = Self.sum(items, choice)
      #expect(found.bytes <= budget)
      let neighbours = Self.all(items).filter { other in
        zip(other, choice).count { $0 != $1 } <= 2 && Self.sum(items, other).bytes <= budget
      }
      let best = neighbours.map { Self.sum(items, $0).cost }.min() ?? .infinity
      #expect(found.cost <= best + 1e-9, "seed \(seed), budget \(budget): \(found.cost) and \(best)")
      #expect(TypeAllocation.choose(items, budget: budget) == choice)
    }
  }

  @Test func `with room for everything each item gets its best, the smaller of equal ones`() {
    let items = [
      [Option(bytes: 9, cost: 1), Option(bytes: 4, cost: 1), Option(bytes: 2, cost: 3)], [Option(bytes: 5, cost: 0)],
    ]
    #expect(TypeAllocation.choose(items, budget: 100) == [1, 0])
    #expect(TypeAllocation.choose(items, budget: 8) == [2, 0])
    #expect(TypeAllocation.choose([], budget: 0) == [])
  }

  @Test func `equal items are served in their order`() {
    let item = [Option(bytes: 1, cost: 1), Option(bytes: 2, cost: 0.5)]
    #expect(TypeAllocation.choose([item, item, item], budget: 4) == [1, 0, 0])
  }

  @Test func `costs many powers of ten apart`() throws {
    let items = (0..<40).map { index -> [Option] in
      var scale = 1.0
      for _ in 0..<index { scale /= 4 }
      return [1, 2, 3, 4].map { Option(bytes: 100 * $0, cost: scale / Double($0 * $0)) }
    }
    let choice = try #require(TypeAllocation.choose(items, budget: 10_000))
    #expect(Self.sum(items, choice).bytes == 10_000)
    #expect(choice == choice.sorted(by: >))
  }
}

/// Numbers that are the same everywhere.
struct Numbers {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  /// From zero up to, and without, `limit`.
  mutating func next(_ limit: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(limit))
  }
}
