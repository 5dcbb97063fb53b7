import Base
import Engine
import Quants

/// One matrix on its way to bytes; slices of rows are taken by whoever is free.
struct RoundingJob: Sendable {
  let moments: DampedMoments
  let factor: TriangularFactor
  let target: Activations
  let codec: RowCodec
  let rowBytes: Int
  let sweeps: Int
  let kernels: EngineKernels
  /// What can be chosen; nil for a format that is not a grid.
  let grid: RoundingGrid?
  /// How much the error of each column counts for the format's own search: what it costs when every column that comes later answers for it,
  /// be it those of its own block or, where a block is encoded as a whole, those behind.
  let importance: [Float]

  init(
    _ moments: DampedMoments, _ factor: TriangularFactor, _ target: Activations, _ codec: RowCodec, rowBytes: Int,
    sweeps: Int, _ kernels: EngineKernels
  ) {
    (self.moments, self.factor, self.target, self.codec) = (moments, factor, target, codec)
    (self.rowBytes, self.sweeps, self.kernels) = (rowBytes, sweeps, kernels)
    grid = (codec.type.codec as? any GridCodec.Type).map { RoundingGrid($0, moments) }
    let tokens = Float(max(1, moments.tokens))
    importance = (grid == nil ? factor.conditional(moments) : factor.pivots).map { $0 / tokens }
  }

  func run(_ pool: WorkerPool) -> RoundedMatrix {
    let slices = PanelSlice.all(rows: target.rows, columns: moments.columns)
    var bytes = [UInt8](repeating: 0, count: target.rows * rowBytes)
    var costs = [SliceCost](repeating: SliceCost(), count: slices.count)
    bytes.withUnsafeMutableBytes { bytes in
      costs.withUnsafeMutableBufferPointer { costs in
        let (bytes, costs) = (SharedAddress(bytes), SharedAddress(costs))
        pool.run(count: slices.count) { item, _ in
          let rows = slices[item].rows
          let place = UnsafeMutableRawBufferPointer(
            rebasing: bytes.value[rows.lowerBound * rowBytes..<rows.upperBound * rowBytes])
          costs.value[item] = round(slices[item], into: place)
        }
      }
    }
    let scale = 1 / Double(max(1, moments.tokens))
    return RoundedMatrix(
      bytes: bytes, afterFeedback: costs.reduce(0) { $0 + $1.afterFeedback } * scale,
      objective: costs.reduce(0) { $0 + $1.objective } * scale)
  }

  private func round(_ slice: PanelSlice, into bytes: UnsafeMutableRawBufferPointer) -> SliceCost {
    let feedback = FeedbackPass(self, slice)
    guard let grid else { return feedback.encode(into: bytes) }
    let state = GridState(grid, slice)
    var cost = feedback.round(on: grid, state)
    if sweeps > 0 {
      let descent = DescentPass(self, grid, slice, errors: feedback.work.base)
      cost = SliceCost(afterFeedback: descent.start())
      for sweep in 0..<sweeps { cost.objective += descent.sweep(state, isLast: sweep == sweeps - 1) }
    }
    state.write(slice, grid, into: bytes, rowBytes: rowBytes)
    return cost
  }
}

/// What a slice's rounding cost, in sums over tokens.
struct SliceCost: Sendable {
  var afterFeedback: Double
  var objective: Double

  init(afterFeedback: Double = 0) { (self.afterFeedback, objective) = (afterFeedback, afterFeedback) }
}
