import Base
import Engine
import Quants

/// A slice of rows, rounded from the first block of columns to the last, errors going to the columns behind.
struct FeedbackPass: ~Copyable {
  private static let lanes = PanelSlice.lanes

  private let job: RoundingJob
  private let slice: PanelSlice
  /// What is wanted of each column after the errors before it; behind the current block what was wrong: target - value.
  let work: Room<Float>
  /// The block at hand: the weights wanted, what earlier errors moved them by, and what is best for the block as a whole.
  private let original, moved, aim: Room<Float>
  private let tile: Room<Float>
  /// The block's weights, row by row, and what they are encoded as.
  private let rows: Room<Float>
  private let encoded: Room<UInt8>
  private let importance: Room<Float>

  init(_ job: RoundingJob, _ slice: PanelSlice) {
    (self.job, self.slice) = (job, slice)
    let block = DampedMoments.block * Self.lanes
    work = Room(slice.count, 0)
    original = Room(block, 0)
    tile = Room(EngineKernels.tileRows * DampedMoments.block, 0)
    rows = Room(block, 0)
    importance = Room(block, 0)
    moved = Room(block, 0)
    aim = Room(block, 0)
    encoded = Room(block / job.codec.type.blockElements * job.codec.type.blockBytes, 0)
    for panel in 0..<slice.panels {
      slice.load(panel, 0..<slice.columns, of: job.target, into: work.base + slice.place(panel, 0))
    }
  }

  /// Rounds to levels of grids that the format's own search finds on what is wanted when it comes to their block.
  ///
  /// - Returns: the objective, if there is no descent that asks for it anyway.
  func round(on grid: RoundingGrid, _ state: borrowing GridState) -> SliceCost {
    var one = BlockGrid(grid.codec)
    var total = 0.0
    for (number, columns) in job.moments.blocks.enumerated() {
      begin(columns)
      for panel in 0..<slice.panels {
        let place = work.base + slice.place(panel, columns.lowerBound)
        encode(panel, number)
        for lane in 0..<Self.lanes {
          for (index, column) in stride(from: 0, to: columns.count, by: grid.block).enumerated() {
            let size = grid.codec.blockBytes
            let start = (lane * columns.count / grid.block + index) * size
            grid.codec.read(UnsafeRawBufferPointer(start: encoded.base + start, count: size), into: &one)
            state.set(panel, lane, column: columns.lowerBound + column, one)
          }
        }
        let first = state.groupPlace(panel, columns.lowerBound)
        withSquare(number) { square, stride in
          job.kernels.feedback(
            original.base, work: place, steps: state.steps.base + first, offsets: state.offsets.base + first,
            group: grid.group, factor: square, stride: stride, columns: columns.count, levels: grid.levels,
            chosen: state.levels.base + slice.place(panel, columns.lowerBound))
        }
        if job.sweeps == 0 { total += objective(panel, number) }
      }
      job.factor.spread(columns, slice, tile.base, job.kernels, sign: 1, b: work.base, into: work.base)
    }
    return SliceCost(afterFeedback: total)
  }

  /// Rounds by the format's own encoder, which looks at a block as a whole.
  func encode(into bytes: UnsafeMutableRawBufferPointer) -> SliceCost {
    let type = job.codec.type
    var total = 0.0
    for (number, columns) in job.moments.blocks.enumerated() {
      begin(columns)
      let size = columns.count / type.blockElements * type.blockBytes
      for panel in 0..<slice.panels {
        let place = work.base + slice.place(panel, columns.lowerBound)
        encode(panel, number)
        for (lane, row) in slice.rows(of: panel).enumerated() {
          let start =
            (row - slice.rows.lowerBound) * job.rowBytes
            + columns.lowerBound / type.blockElements * type.blockBytes
          bytes[start..<start + size].copyBytes(
            from: UnsafeRawBufferPointer(start: encoded.base + lane * size, count: size))
        }
        job.codec.decode(
          UnsafeRawBufferPointer(start: encoded.base, count: Self.lanes * size),
          into: UnsafeMutableBufferPointer(start: rows.base, count: Self.lanes * columns.count))
        for i in 0..<columns.count {
          for lane in 0..<Self.lanes {
            place[i * Self.lanes + lane] = original.base[i * Self.lanes + lane] - rows.base[lane * columns.count + i]
          }
        }
        total += objective(panel, number)
      }
      job.factor.spread(columns, slice, tile.base, job.kernels, sign: 1, b: work.base, into: work.base)
    }
    return SliceCost(afterFeedback: total)
  }

  /// Lays the block's importance out for sixteen rows on end.
  private func begin(_ columns: Range<Int>) {
    for lane in 0..<Self.lanes {
      for i in 0..<columns.count {
        importance.base[lane * columns.count + i] = job.importance[columns.lowerBound + i]
      }
    }
  }

  /// Encodes a block of sixteen rows by the format's weighted rule.
  ///
  /// What earlier errors moved, c, is the target of a column when the columns before it in the block are done. All columns at once do best
  /// at w + U^-1 c: there every one of them answers for those before it.
  private func encode(_ panel: Int, _ number: Int) {
    let columns = job.moments.blocks[number]
    let (place, width) = (work.base + slice.place(panel, columns.lowerBound), columns.count)
    slice.load(panel, columns, of: job.target, into: original.base)
    aim.base.update(from: original.base, count: width * Self.lanes)
    for i in 0..<width * Self.lanes { moved.base[i] = place[i] - original.base[i] }
    if number > 0 {
      job.factor.inverses[number].withElements { inverse in
        guard let inverse = inverse.baseAddress else { return }
        job.kernels.panelProduct(inverse, stride: width, moved.base, into: aim.base, m: width, k: width)
      }
    }
    for i in 0..<width {
      for lane in 0..<Self.lanes { rows.base[lane * width + i] = aim.base[i * Self.lanes + lane] }
    }
    // Formats with smaller blocks look at the whole row they are given, which must not be another row's.
    let together = job.codec.type.blockElements == width ? Self.lanes : 1
    let size = width / job.codec.type.blockElements * job.codec.type.blockBytes * together
    for run in 0..<Self.lanes / together {
      let (start, count) = (run * width * together, width * together)
      job.codec.encode(
        UnsafeBufferPointer(start: rows.base + start, count: count),
        importance: UnsafeBufferPointer(start: importance.base + start, count: count),
        into: UnsafeMutableRawBufferPointer(start: encoded.base + run * size, count: size))
    }
  }

  /// Lends the square of U of a block, and how far apart its rows are.
  private func withSquare(_ number: Int, _ body: (UnsafePointer<Float>, Int) -> Void) {
    let stripe = job.factor.stripes[number]
    stripe.withElements { all in
      guard let base = all.baseAddress else { return }
      body(UnsafePointer(base + job.moments.blocks[number].lowerBound), stripe.columns)
    }
  }

  /// What a block's errors cost: P_j times the square of the sum over k <= j of U_jk e_k.
  ///
  /// `work` holds the block's errors.
  private func objective(_ panel: Int, _ number: Int) -> Double {
    let columns = job.moments.blocks[number]
    let (errors, count) = (work.base + slice.place(panel, columns.lowerBound), columns.count * Self.lanes)
    withSquare(number) { square, stride in
      job.kernels.panelProduct(square, stride: stride, errors, into: moved.base, m: columns.count, k: columns.count)
    }
    var total = 0.0
    for i in 0..<count {
      total +=
        Double(job.factor.pivots[columns.lowerBound + i / Self.lanes]) * Double(moved.base[i])
        * Double(moved.base[i])
    }
    return total
  }
}
