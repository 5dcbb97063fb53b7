import Base
import Engine
import Quants

/// A slice of rounded rows on its way downhill: E H E^T for E = value - target, with the slope G = E H kept up to date.
///
/// Blocks come in order, groups in their block in order: first the factors of a block, then scale and minimum of each group with all its
/// levels, then its levels one by one. Each step is taken only where the objective falls by it.
struct DescentPass: ~Copyable {
  private static let lanes = PanelSlice.lanes

  private let job: RoundingJob
  private let grid: RoundingGrid
  private let slice: PanelSlice
  private let candidates: GridCandidates
  /// E, later the changes of a block.
  private let errors: UnsafeMutablePointer<Float>
  /// G.
  private let slope: Room<Float>
  private let tile: Room<Float>
  /// The block at hand: values now, when the block was entered and when its groups were; the slope; the changes of groups.
  private let values, entered, base, gradient, changes: Room<Float>
  /// The group at hand.
  private let wanted, moved: Room<Float>
  private let fit: FactorFit
  /// What a step gains each row, and the candidate it takes.
  private let gain: Room<Float>
  private let choice: Room<Int32>

  /// Takes over the errors target - value of a slice; their memory is used on.
  init(_ job: RoundingJob, _ grid: RoundingGrid, _ slice: PanelSlice, errors: UnsafeMutablePointer<Float>) {
    (self.job, self.grid, self.slice, self.errors) = (job, grid, slice, errors)
    candidates = GridCandidates(grid)
    let block = DampedMoments.block * Self.lanes
    slope = Room(slice.count, 0)
    tile = Room(EngineKernels.tileRows * DampedMoments.block, 0)
    values = Room(block, 0)
    entered = Room(block, 0)
    base = Room(block, 0)
    gradient = Room(block, 0)
    changes = Room(block, 0)
    wanted = Room(EngineKernels.panelGroup * Self.lanes, 0)
    moved = Room(EngineKernels.panelGroup * Self.lanes, 0)
    fit = FactorFit(job.kernels, grid)
    gain = Room(Self.lanes, 0)
    choice = Room(Self.lanes, 0)
  }

  /// Computes the slope.
  ///
  /// - Returns: the objective.
  func start() -> Double {
    for i in 0..<slice.count { errors[i] = -errors[i] }
    for columns in job.moments.blocks { spread(columns, to: 0..<slice.columns) }
    var total = 0.0
    for panel in 0..<slice.panels {
      for columns in job.moments.blocks {
        let place = slice.place(panel, columns.lowerBound)
        job.kernels.panelDot(errors + place, slope.base + place, columns: columns.count, into: gain.base)
        total += sum()
      }
    }
    return total
  }

  /// Goes through all columns once.
  ///
  /// - Returns: by how much the objective changed.
  func sweep(_ state: borrowing GridState, isLast: Bool) -> Double {
    var total = 0.0
    for (number, columns) in job.moments.blocks.enumerated() {
      for panel in 0..<slice.panels {
        job.moments.squares[number].withElements { h in
          guard let h = h.baseAddress else { return }
          total += descend(panel, columns, UnsafePointer(h), state)
        }
      }
      // In the end nobody looks at the slope of columns that are done.
      spread(columns, to: isLast ? columns.upperBound..<slice.columns : 0..<slice.columns)
    }
    return total
  }

  /// Adds to the slope what the errors or changes of a block are worth there.
  private func spread(_ block: Range<Int>, to columns: Range<Int>) {
    job.kernels.addProducts(
      columns, width: block.count, slice, tile: tile.base,
      fill: { row, to in job.moments.copy(row: row, block, to: to) },
      b: { UnsafePointer(errors + slice.place($0, block.lowerBound)) }, into: { slope.base + slice.place($0, 0) })
  }

  private func sum() -> Double { (0..<Self.lanes).reduce(0.0) { $0 + Double(gain.base[$1]) } }

  /// One block of one panel.
  private func descend(
    _ panel: Int, _ columns: Range<Int>, _ h: UnsafePointer<Float>, _ state: borrowing GridState
  ) -> Double {
    let (width, count) = (columns.count, columns.count * Self.lanes)
    let place = slice.place(panel, columns.lowerBound)
    let groups = state.groupPlace(panel, columns.lowerBound)
    job.kernels.panelValues(
      state.levels.base + place, steps: state.steps.base + groups, offsets: state.offsets.base + groups,
      group: grid.group, columns: width, into: values.base)
    entered.base.update(from: values.base, count: count)
    gradient.base.update(from: slope.base + place, count: count)
    var total = 0.0
    let hasOneFactor = grid.block == width
    if hasOneFactor { total += fit.run(panel, columns, h, stride: width, state, slice, values.base, gradient.base) }
    base.base.update(from: values.base, count: count)
    for first in stride(from: 0, to: width, by: grid.group) {
      let at = first * Self.lanes
      if first > 0 {
        job.kernels.panelProduct(
          h + first * width, stride: width, changes.base, into: gradient.base + at, m: grid.group, k: first)
      }
      let group = columns.lowerBound + first..<columns.lowerBound + first + grid.group
      let square = h + first * width + first
      if !hasOneFactor {
        total += fit.run(
          panel, group, square, stride: width, state, slice, values.base + at, gradient.base + at)
      }
      total += choose(panel, group, square, width, state, at)
      job.kernels.descend(
        gradient: gradient.base + at, h: square, stride: width,
        inverses: grid.inverseDiagonal.base + group.lowerBound, group: grid.group,
        step: state.steps.base + state.groupPlace(panel, group.lowerBound),
        offset: state.offsets.base + state.groupPlace(panel, group.lowerBound), levels: grid.levels,
        values: values.base + at, chosen: state.levels.base + slice.place(panel, group.lowerBound), gain: gain.base)
      total += sum()
      for i in at..<at + grid.group * Self.lanes { changes.base[i] = values.base[i] - base.base[i] }
    }
    for i in 0..<count { errors[place + i] = values.base[i] - entered.base[i] }
    return total
  }

  /// Scale and minimum of one group, with all its levels.
  private func choose(
    _ panel: Int, _ group: Range<Int>, _ square: UnsafePointer<Float>, _ stride: Int, _ state: borrowing GridState,
    _ at: Int
  ) -> Double {
    let kernels = job.kernels
    wanted.base.update(from: values.base + at, count: grid.group * Self.lanes)
    kernels.panelProduct(
      grid.inverses.base + group.lowerBound * grid.group, stride: grid.group, gradient.base + at, into: wanted.base,
      m: grid.group, k: grid.group)
    candidates.fill(panel, group.lowerBound, state)
    kernels.choose(
      target: wanted.base, gradient: gradient.base + at, h: square, stride: stride, group: grid.group,
      steps: candidates.steps.base, offsets: candidates.offsets.base, candidates: candidates.count,
      levels: grid.levels, values: values.base + at,
      chosen: state.levels.base + slice.place(panel, group.lowerBound), changes: moved.base, gain: gain.base,
      choice: choice.base)
    if candidates.take(choice.base, panel, group.lowerBound, state) {
      kernels.panelProduct(
        square, stride: stride, moved.base, into: gradient.base + at, m: grid.group, k: grid.group)
    }
    return sum()
  }
}
