import Base
import Engine
import Quants

/// The factors of a block for given scales, minimums and levels: the least squares of value = d A - m B under H, A the scales times the
/// levels, B the minimums.
///
/// The factors are rounded to F16 before it is seen whether the objective falls by them.
struct FactorFit: ~Copyable {
  private static let lanes = PanelSlice.lanes

  private let kernels: EngineKernels
  private let grid: RoundingGrid
  /// A, A H, B, B H.
  private let pattern, patternSlope, constant, constantSlope: Room<Float>
  private let zeros, negative, scale, sums: Room<Float>

  init(_ kernels: EngineKernels, _ grid: RoundingGrid) {
    (self.kernels, self.grid) = (kernels, grid)
    let block = DampedMoments.block * Self.lanes
    pattern = Room(block, 0)
    patternSlope = Room(block, 0)
    constant = Room(block, 0)
    constantSlope = Room(block, 0)
    zeros = Room(block, 0)
    negative = Room(block, 0)
    scale = Room(Self.lanes, 0)
    sums = Room(5 * Self.lanes, 0)
  }

  /// Fits the factors of a block of each row of a panel and takes those by which the objective falls.
  ///
  /// - Parameters:
  ///   - panel: the rows.
  ///   - columns: the block.
  ///   - h: its square of the moments.
  ///   - stride: elements from row to row of `h`.
  ///   - state: the grids; changed.
  ///   - slice: where the rows lie.
  ///   - values: the values of the block; changed.
  ///   - gradient: half the slope there; changed.
  /// - Returns: by how much the objective changed.
  func run(
    _ panel: Int, _ columns: Range<Int>, _ h: UnsafePointer<Float>, stride: Int, _ state: borrowing GridState,
    _ slice: PanelSlice, _ values: UnsafeMutablePointer<Float>, _ gradient: UnsafeMutablePointer<Float>
  ) -> Double {
    let (group, block) = (
      state.groupPlace(panel, columns.lowerBound), state.blockPlace(panel, columns.lowerBound)
    )
    let levels = state.levels.base + slice.place(panel, columns.lowerBound)
    prepare(columns, h, stride, levels, state, group, gradient)
    var total = 0.0
    var isChanged = false
    for lane in 0..<Self.lanes {
      let old = (state.factors.base[block + lane], state.minimumFactors.base[block + lane])
      let solution = Solution(
        sums.base + lane, stride: Self.lanes, old, isSigned: grid.rules.minimums == nil,
        hasOffsets: grid.rules.hasOffsets)
      scale.base[lane] = solution.step
      negative.base[lane] = -solution.offset
      guard solution.gain < 0 else { continue }
      isChanged = true
      total += solution.gain
      (state.factors.base[block + lane], state.minimumFactors.base[block + lane]) = solution.factors
      for place in Swift.stride(
        from: group + lane, to: group + lane + columns.count / grid.group * Self.lanes, by: Self.lanes)
      {
        state.steps.base[place] = solution.factors.0 * state.scales.base[place]
        state.offsets.base[place] = solution.factors.1 * state.minimums.base[place]
      }
    }
    guard isChanged else { return 0 }
    kernels.panelAdd(patternSlope.base, by: scale.base, to: gradient, columns: columns.count)
    if grid.rules.hasOffsets {
      kernels.panelAdd(constantSlope.base, by: negative.base, to: gradient, columns: columns.count)
    }
    kernels.panelValues(
      levels, steps: state.steps.base + group, offsets: state.offsets.base + group, group: grid.group,
      columns: columns.count, into: values)
    return total
  }

  /// A, B, their slopes and the five sums a row: G.A, G.B, A H A, A H B, B H B.
  private func prepare(
    _ columns: Range<Int>, _ h: UnsafePointer<Float>, _ stride: Int, _ levels: UnsafePointer<Int8>,
    _ state: borrowing GridState, _ group: Int, _ gradient: UnsafePointer<Float>
  ) {
    let (width, lanes) = (columns.count, Self.lanes)
    kernels.panelValues(
      levels, steps: state.scales.base + group, offsets: zeros.base, group: grid.group, columns: width,
      into: pattern.base)
    patternSlope.base.update(repeating: 0, count: width * lanes)
    kernels.panelProduct(h, stride: stride, pattern.base, into: patternSlope.base, m: width, k: width)
    kernels.panelDot(gradient, pattern.base, columns: width, into: sums.base)
    kernels.panelDot(pattern.base, patternSlope.base, columns: width, into: sums.base + 2 * lanes)
    guard grid.rules.hasOffsets else { return }
    let groups = width / grid.group
    for i in 0..<groups * lanes { negative.base[i] = -state.minimums.base[group + i] }
    kernels.panelValues(
      levels, steps: zeros.base, offsets: negative.base, group: grid.group, columns: width, into: constant.base)
    constantSlope.base.update(repeating: 0, count: width * lanes)
    kernels.panelProduct(
      grid.groupSums.base + columns.lowerBound * groups, stride: groups, state.minimums.base + group,
      into: constantSlope.base, m: width, k: groups)
    kernels.panelDot(gradient, constant.base, columns: width, into: sums.base + lanes)
    kernels.panelDot(patternSlope.base, constant.base, columns: width, into: sums.base + 3 * lanes)
    kernels.panelDot(constant.base, constantSlope.base, columns: width, into: sums.base + 4 * lanes)
  }

  /// The factors of one row.
  private struct Solution {
    /// What is added to the factors; zero when they stay.
    var step: Float = 0
    var offset: Float = 0
    var factors: (Float, Float)
    var gain = 0.0

    /// - Parameters:
    ///   - sums: G.A, G.B, A H A, A H B, B H B, `stride` apart.
    ///   - stride: see `sums`.
    ///   - old: the factors there are.
    ///   - isSigned: whether the second factor may be negative.
    ///   - hasOffsets: whether there is a second one.
    init(_ sums: UnsafePointer<Float>, stride: Int, _ old: (Float, Float), isSigned: Bool, hasOffsets: Bool) {
      factors = old
      let (ga, aa) = (Double(sums[0]), Double(sums[2 * stride]))
      guard aa > 0 else { return }
      var (gb, ab, bb) = (0.0, 0.0, 0.0)
      var second = 0.0
      if hasOffsets {
        (gb, ab, bb) = (Double(sums[stride]), Double(sums[3 * stride]), Double(sums[4 * stride]))
        let determinant = aa * bb - ab * ab
        if determinant > 1e-6 * aa * bb { second = (gb * aa - ga * ab) / determinant }
        if !isSigned { second = max(second, -Double(old.1)) }
      }
      let first = (second * ab - ga) / aa
      let new = (Self.half(Double(old.0) + first), Self.half(Double(old.1) + second))
      guard new.0.isFinite, new.1.isFinite else { return }
      let (d, m) = (Double(new.0) - Double(old.0), Double(new.1) - Double(old.1))
      let change = 2 * (d * ga - m * gb) + d * d * aa - 2 * d * m * ab + m * m * bb
      guard change < 0 else { return }
      (step, offset, factors, gain) = (Float(d), Float(m), new, change)
    }

    private static func half(_ value: Double) -> Float { HalfPrecision.float(f16: HalfPrecision.f16(Float(value))) }
  }
}
