import Base
import Engine
import Quants

/// The grids and levels of a slice: what a block's bytes say, sixteen rows side by side.
struct GridState: ~Copyable {
  private static let lanes = PanelSlice.lanes

  private let columns: Int
  private let group: Int
  private let block: Int
  /// One a weight.
  let levels: Room<Int8>
  /// One a block: what one unit of a scale, and of a minimum, is worth.
  let factors, minimumFactors: Room<Float>
  /// One a group.
  let scales, minimums: Room<Float>
  /// One a group: what follows from the others.
  let steps, offsets: Room<Float>

  init(_ grid: RoundingGrid, _ slice: PanelSlice) {
    (columns, group, block) = (slice.columns, grid.group, grid.block)
    levels = Room(slice.count, 0)
    factors = Room(slice.count / block, 0)
    minimumFactors = Room(slice.count / block, 0)
    scales = Room(slice.count / group, 0)
    minimums = Room(slice.count / group, 0)
    steps = Room(slice.count / group, 0)
    offsets = Room(slice.count / group, 0)
  }

  /// Where the group of a column lies among the panels of groups.
  func groupPlace(_ panel: Int, _ column: Int) -> Int { (panel * columns + column) / group * Self.lanes }

  /// Where the block of a column lies among the panels of blocks.
  func blockPlace(_ panel: Int, _ column: Int) -> Int { (panel * columns + column) / block * Self.lanes }

  /// Takes over the grid of a block of one row.
  func set(_ panel: Int, _ lane: Int, column: Int, _ read: borrowing BlockGrid) {
    let (place, first) = (blockPlace(panel, column) + lane, groupPlace(panel, column) + lane)
    factors.base[place] = HalfPrecision.float(f16: read.factor)
    minimumFactors.base[place] = HalfPrecision.float(f16: read.minimumFactor)
    for g in 0..<block / group {
      let place = first + g * Self.lanes
      scales.base[place] = Float(read.scales[g])
      minimums.base[place] = Float(read.minimums[g])
      steps.base[place] = read.step(g)
      offsets.base[place] = read.offset(g)
    }
  }

  /// Writes all rows.
  func write(_ slice: PanelSlice, _ grid: RoundingGrid, into bytes: UnsafeMutableRawBufferPointer, rowBytes: Int) {
    var one = BlockGrid(grid.codec)
    let size = grid.codec.blockBytes
    for panel in 0..<slice.panels {
      for (lane, row) in slice.rows(of: panel).enumerated() {
        for (number, column) in stride(from: 0, to: columns, by: block).enumerated() {
          fill(&one, panel, lane, column, grid)
          let start = (row - slice.rows.lowerBound) * rowBytes + number * size
          grid.codec.write(one, into: UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + size]))
        }
      }
    }
  }

  private func fill(_ one: inout BlockGrid, _ panel: Int, _ lane: Int, _ column: Int, _ grid: RoundingGrid) {
    let (place, first) = (blockPlace(panel, column) + lane, groupPlace(panel, column) + lane)
    one.factor = HalfPrecision.f16(factors.base[place])
    one.minimumFactor = HalfPrecision.f16(minimumFactors.base[place])
    for g in 0..<block / group {
      one.scales[g] = Int16(scales.base[first + g * Self.lanes])
      one.minimums[g] = Int16(minimums.base[first + g * Self.lanes])
    }
    let levels = self.levels.base + (panel * columns + column) * Self.lanes + lane
    for i in 0..<block { one.numbers[i] = grid.numbers[Int(levels[i * Self.lanes]) + 128] }
  }
}
