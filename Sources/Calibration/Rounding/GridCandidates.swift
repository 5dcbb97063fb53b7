import Base
import Engine
import Quants

/// The steps and offsets that are tried for a group: those of neighbouring scales and minimums, or of neighbouring factors where each
/// group has its own.
struct GridCandidates: ~Copyable {
  private static let lanes = PanelSlice.lanes
  private typealias Panel = SIMD16<Float>

  /// Changes of scale and of minimum; where groups have factors, in parts of the step.
  ///
  /// Every change of one goes with every change of the other, scales first.
  private let scaleMoves, minimumMoves: [Float]
  private let hasScales: Bool
  private let scaleRange, minimumRange: ClosedRange<Float>
  /// One panel a candidate.
  let steps, offsets: Room<Float>
  var count: Int { scaleMoves.count * minimumMoves.count }

  init(_ grid: RoundingGrid) {
    let rules = grid.rules
    hasScales = rules.scales != nil
    scaleRange = Self.range(rules.scales)
    minimumRange = Self.range(rules.minimums)
    scaleMoves = hasScales ? [0, -1, 1, -2, 2] : [0, -1 / 64, 1 / 64, -1 / 32, 1 / 32]
    minimumMoves = !rules.hasOffsets ? [0] : hasScales ? [0, -1, 1] : [0, -0.25, 0.25]
    steps = Room(scaleMoves.count * minimumMoves.count * Self.lanes, 0)
    offsets = Room(scaleMoves.count * minimumMoves.count * Self.lanes, 0)
  }

  private static func range(_ range: ClosedRange<Int>?) -> ClosedRange<Float> {
    range.map { Float($0.lowerBound)...Float($0.upperBound) } ?? 0...0
  }

  /// The candidates of a group of a panel; the first is what the group has.
  func fill(_ panel: Int, _ column: Int, _ state: borrowing GridState) {
    let group = state.groupPlace(panel, column)
    guard hasScales else { return fillFactors(group, state) }
    let block = state.blockPlace(panel, column)
    let (scale, minimum) = (Self.load(state.scales.base + group), Self.load(state.minimums.base + group))
    let (factor, minimumFactor) = (Self.load(state.factors.base + block), Self.load(state.minimumFactors.base + block))
    let moved = scaleMoves.count
    for (i, move) in scaleMoves.enumerated() {
      let step = factor * Self.clamped(scale + move, scaleRange)
      for j in minimumMoves.indices { Self.store(step, steps.base + (j * moved + i) * Self.lanes) }
    }
    for (j, move) in minimumMoves.enumerated() {
      let offset = minimumFactor * Self.clamped(minimum + move, minimumRange)
      for i in 0..<moved { Self.store(offset, offsets.base + (j * moved + i) * Self.lanes) }
    }
  }

  /// A group that is a block has one scale and one minimum, which are 1.
  private func fillFactors(_ group: Int, _ state: borrowing GridState) {
    for lane in 0..<Self.lanes {
      let (step, offset) = (state.steps.base[group + lane], state.offsets.base[group + lane])
      for (j, minimum) in minimumMoves.enumerated() {
        for (i, scale) in scaleMoves.enumerated() {
          let place = (j * scaleMoves.count + i) * Self.lanes + lane
          steps.base[place] = Self.half(step + step * scale)
          offsets.base[place] = Self.half(offset + step * minimum)
        }
      }
    }
  }

  /// Takes over the candidates that rows have chosen.
  ///
  /// - Returns: whether any row has.
  func take(_ choice: UnsafePointer<Int32>, _ panel: Int, _ column: Int, _ state: borrowing GridState) -> Bool {
    let (group, block) = (state.groupPlace(panel, column), state.blockPlace(panel, column))
    var isChanged = false
    for lane in 0..<Self.lanes where choice[lane] >= 0 {
      isChanged = true
      let number = Int(choice[lane])
      let (step, offset) = (steps.base[number * Self.lanes + lane], offsets.base[number * Self.lanes + lane])
      state.steps.base[group + lane] = step
      state.offsets.base[group + lane] = offset
      if hasScales {
        let (scale, minimum) = (state.scales.base[group + lane], state.minimums.base[group + lane])
        state.scales.base[group + lane] = min(
          max(scale + scaleMoves[number % scaleMoves.count], scaleRange.lowerBound), scaleRange.upperBound)
        state.minimums.base[group + lane] = min(
          max(minimum + minimumMoves[number / scaleMoves.count], minimumRange.lowerBound), minimumRange.upperBound)
      } else {
        state.factors.base[block + lane] = step
        state.minimumFactors.base[block + lane] = offset
      }
    }
    return isChanged
  }

  /// A number rounded to F16; what overflows stays the largest.
  private static func half(_ value: Float) -> Float {
    HalfPrecision.float(f16: HalfPrecision.f16(min(max(value, -65504), 65504)))
  }

  @inline(__always) private static func load(_ place: UnsafePointer<Float>) -> Panel {
    UnsafeRawPointer(place).loadUnaligned(as: Panel.self)
  }

  @inline(__always) private static func store(_ panel: Panel, _ place: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(place).storeBytes(of: panel, as: Panel.self)
  }

  @inline(__always) private static func clamped(_ panel: Panel, _ range: ClosedRange<Float>) -> Panel {
    let (low, high) = (Panel(repeating: range.lowerBound), Panel(repeating: range.upperBound))
    return panel.replacing(with: low, where: panel .< low).replacing(with: high, where: panel .> high)
  }
}
