import Engine
import Quants
import Testing

/// The loops that round sixteen rows side by side against one row written out, to the bit at every level.
struct PanelKernelTests {
  private static let lanes = 16
  private static let uneven: [Float] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]

  /// A set of levels, and both forms of it.
  private enum Levels: CaseIterable {
    case two, six, uneven

    var all: [Float] {
      switch self {
      case .two: [0, 1, 2, 3]
      case .six: (-32...31).map { Float($0) }
      case .uneven: PanelKernelTests.uneven
      }
    }
    var isEven: Bool { self != .uneven }
    var panel: PanelLevels {
      isEven ? PanelLevels(even: Int(all[0])...Int(all[all.count - 1])) : PanelLevels(uneven: all)
    }
  }

  /// Numbers from -1 to 1, the same in every run.
  private static func numbers(_ count: Int, _ seed: Int) -> [Float] {
    (0..<count).map { Float(($0 &* 7919 &+ seed &* 104_729) % 2003) / 1001 - 1 }
  }

  private static func lane(_ panel: [Float], _ lane: Int) -> [Float] {
    stride(from: lane, to: panel.count, by: lanes).map { panel[$0] }
  }

  private static func square(_ n: Int) -> (flat: [Float], rows: [[Float]]) {
    let random = numbers(n * n, 5)
    var rows = [[Float]](repeating: [Float](repeating: 0, count: n), count: n)
    for i in 0..<n {
      for j in 0...i {
        let value = i == j ? 2 + abs(random[i]) : random[i * n + j] / 4
        (rows[i][j], rows[j][i]) = (value, value)
      }
    }
    return (rows.flatMap { $0 }, rows)
  }

  @Test(arguments: Kernels.available)
  func `feedback is the written-out loop`(kernels: Kernels) {
    let (columns, group) = (64, 16)
    let engine = EngineKernels(kernels)
    let (flat, rows) = Self.square(columns)
    for levels in Levels.allCases {
      let plain = PlainPanels(isFused: kernels.name != "portable", levels: levels.all, isEven: levels.isEven)
      let target = Self.numbers(columns * Self.lanes, 1)
      var work = zip(target, Self.numbers(columns * Self.lanes, 2)).map { $0 + $1 / 8 }
      var steps = Self.numbers(columns / group * Self.lanes, 3).map { $0 / 50 }
      let offsets = Self.numbers(columns / group * Self.lanes, 4).map { $0 / 3 }
      steps[3] = 0
      var chosen = [Int8](repeating: 0, count: columns * Self.lanes)
      let before = work
      engine.feedback(
        target, work: &work, steps: steps, offsets: offsets, group: group, factor: flat, stride: columns,
        columns: columns, levels: levels.panel, chosen: &chosen)
      for lane in 0..<Self.lanes {
        var row = Self.lane(before, lane)
        let levels = plain.feedback(
          Self.lane(target, lane), work: &row, steps: Self.lane(steps, lane), offsets: Self.lane(offsets, lane),
          group: group, m: rows)
        #expect(row == Self.lane(work, lane))
        #expect(levels == Self.lane(chosen.map { Float($0) }, lane))
      }
    }
  }

  @Test(arguments: Kernels.available)
  func `choice and descent are the written-out loops`(kernels: Kernels) {
    let engine = EngineKernels(kernels)
    for (levels, group) in zip(Levels.allCases, [16, 32, 32]) {
      let plain = PlainPanels(isFused: kernels.name != "portable", levels: levels.all, isEven: levels.isEven)
      let (flat, rows) = Self.square(group)
      let candidates = 5
      let gradient = Self.numbers(group * Self.lanes, 1).map { $0 * 4 }
      let steps = Self.numbers(candidates * Self.lanes, 2).map { $0 / 40 }
      let offsets = Self.numbers(candidates * Self.lanes, 3).map { $0 / 3 }
      let target = Self.numbers(group * Self.lanes, 6)
      var chosen = (0..<group * Self.lanes).map { Int8(levels.all[$0 % levels.all.count]) }
      var values = [Float](repeating: 0, count: group * Self.lanes)
      engine.panelValues(chosen, steps: steps, offsets: offsets, group: group, columns: group, into: &values)
      for i in values.indices {
        #expect(values[i] == steps[i % 16] * Float(chosen[i]) - offsets[i % 16])
      }
      let old = (values, chosen)
      var (changes, gain) = (values, [Float](repeating: 0, count: 16))
      var choice = [Int32](repeating: 0, count: 16)
      engine.choose(
        target: target, gradient: gradient, h: flat, stride: group, group: group, steps: steps, offsets: offsets,
        candidates: candidates, levels: levels.panel, values: &values, chosen: &chosen, changes: &changes, gain: &gain,
        choice: &choice)
      #expect(choice.contains { $0 >= 0 })
      for lane in 0..<Self.lanes {
        var (row, rowLevels) = (Self.lane(old.0, lane), Self.lane(old.1.map { Float($0) }, lane))
        let before = row
        let grids = zip(Self.lane(steps, lane), Self.lane(offsets, lane)).map { (step: $0, offset: $1) }
        let best = plain.choose(
          target: Self.lane(target, lane), gradient: Self.lane(gradient, lane), h: rows, grids: grids, values: &row,
          chosen: &rowLevels)
        #expect(best.choice == Int(choice[lane]))
        #expect(best.gain == gain[lane])
        #expect(row == Self.lane(values, lane))
        #expect(rowLevels == Self.lane(chosen.map { Float($0) }, lane))
        #expect(zip(row, before).map { $0 - $1 } == Self.lane(changes, lane))
      }
      let inverses = (0..<group).map { 1 / rows[$0][$0] }
      let middle = (values, chosen)
      engine.descend(
        gradient: gradient, h: flat, stride: group, inverses: inverses, group: group, step: steps, offset: offsets,
        levels: levels.panel, values: &values, chosen: &chosen, gain: &gain)
      #expect(gain.contains { $0 < 0 })
      for lane in 0..<Self.lanes {
        var (row, rowLevels) = (Self.lane(middle.0, lane), Self.lane(middle.1.map { Float($0) }, lane))
        let change = plain.descend(
          gradient: Self.lane(gradient, lane), h: rows, inverses: inverses, step: steps[lane], offset: offsets[lane],
          values: &row, chosen: &rowLevels)
        #expect(change == gain[lane])
        #expect(row == Self.lane(values, lane))
        #expect(rowLevels == Self.lane(chosen.map { Float($0) }, lane))
      }
    }
  }

  @Test(arguments: Kernels.available)
  func `sums over columns are four chains`(kernels: Kernels) {
    let engine = EngineKernels(kernels)
    let plain = PlainPanels(isFused: kernels.name != "portable", levels: [0, 1], isEven: true)
    let (a, b) = (Self.numbers(70 * 16, 1), Self.numbers(70 * 16, 2))
    var sums = [Float](repeating: 0, count: 16)
    engine.panelDot(a, b, columns: 70, into: &sums)
    for lane in 0..<16 { #expect(sums[lane] == plain.dot(Self.lane(a, lane), Self.lane(b, lane))) }
  }

  @Test func `the nearest level is the lower of two that are equally near`() {
    let even = PlainPanels(isFused: true, levels: [-2, -1, 0, 1], isEven: true)
    #expect([-9, -1.5, -0.5, 0.5, 0.51, 7].map { even.level($0) } == [-2, -2, -1, 0, 1, 1])
    let uneven = PlainPanels(isFused: true, levels: Self.uneven, isEven: false)
    #expect([-200, -115.5, 7, 7.1, 101, 200].map { uneven.level($0) } == [-127, -127, 1, 13, 89, 113])
  }
}
