import Base
import Engine
import Quants

/// The steps and offsets that are tried for a group: those of neighbouring scales and minimums, or of neighbouring factors where each
/// group has its own.
struct GridCandidates: ~Copyable {
  private static let lanes = PanelSlice.lanes
  private typealias Panel = SIMD16<Float>

  /// Changes of scale and minimum; where groups have factors, in parts of the step.
  private let moves: [(scale: Float, minimum: Float)]
  private let hasScales: Bool
  private let scaleRange, minimumRange: ClosedRange<Float>
  /// One panel a candidate.
  let steps, offsets: Room<Float>
  var count: Int { moves.count }

  init(_ grid: RoundingGrid) {
    let rules = grid.rules
    hasScales = rules.scales != nil
    scaleRange = Self.range(rules.scales)
    minimumRange = Self.range(rules.minimums)
    let scales: [Float] = hasScales ? [0, -1, 1, -2, 2] : [0, -1 / 64, 1 / 64, -1 / 32, 1 / 32]
    let minimums: [Float] = !rules.hasOffsets ? [0] : hasScales ? [0, -1, 1] : [0, -0.25, 0.25]
    moves = minimums.flatMap { minimum in scales.map { ($0, minimum) } }
    steps = Room(moves.count * Self.lanes, 0)
    offsets = Room(moves.count * Self.lanes, 0)
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
    for (number, move) in moves.enumerated() {
      let (newScale, newMinimum) = (
        Self.clamped(scale + move.scale, scaleRange), Self.clamped(minimum + move.minimum, minimumRange)
      )
      Self.store(factor * newScale, steps.base + number * Self.lanes)
      Self.store(minimumFactor * newMinimum, offsets.base + number * Self.lanes)
    }
  }

  /// A group that is a block has one scale and one minimum, which are 1.
  private func fillFactors(_ group: Int, _ state: borrowing GridState) {
    for (number, move) in moves.enumerated() {
      for lane in 0..<Self.lanes {
        let (step, offset) = (state.steps.base[group + lane], state.offsets.base[group + lane])
        steps.base[number * Self.lanes + lane] = Self.half(step + step * move.scale)
        offsets.base[number * Self.lanes + lane] = Self.half(offset + step * move.minimum)
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
          max(scale + moves[number].scale, scaleRange.lowerBound), scaleRange.upperBound)
        state.minimums.base[group + lane] = min(
          max(minimum + moves[number].minimum, minimumRange.lowerBound), minimumRange.upperBound)
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
    panel.clamped(lowerBound: Panel(repeating: range.lowerBound), upperBound: Panel(repeating: range.upperBound))
  }
}
