import Base
import Engine
import Quants

/// What descent needs to know of a format's grids and of the moments, the same for all rows.
final class RoundingGrid: @unchecked Sendable {  // the tables are written once, here
  let codec: any GridCodec.Type
  let rules: GridRules
  let levels: PanelLevels
  /// The number of every level from -128 on.
  let numbers: [UInt8]
  /// Columns of a group.
  let group: Int
  /// Columns that share factors: a block of the format.
  let block: Int
  /// Minus the inverse of each group's square of H, [n / group][group, group].
  let inverses: Room<Float>
  /// The sums of the columns of H over each group, by rows of the block the group lies in: [n][block / group].
  let groupSums: Room<Float>
  /// One over each number of the diagonal.
  let inverseDiagonal: Room<Float>

  init(_ codec: any GridCodec.Type, _ moments: DampedMoments) {
    self.codec = codec
    rules = codec.rules
    (group, block) = (rules.group, codec.blockElements)
    numbers = rules.numbers
    levels =
      switch rules.levels {
      case .even(_, let legal): PanelLevels(even: legal)
      case .uneven(let values): PanelLevels(uneven: values)
      }
    inverseDiagonal = Room(moments.columns, 0)
    for (i, value) in moments.diagonal.enumerated() { inverseDiagonal.base[i] = 1 / value }
    inverses = Room(moments.columns * group, 0)
    groupSums = Room(moments.columns * (block / group), 0)
    fill(moments)
  }

  private func fill(_ moments: DampedMoments) {
    let square = Room<Double>(group * group, 0)
    let inverse = Room<Double>(group * group, 0)
    let groups = block / group
    for (number, columns) in moments.blocks.enumerated() {
      let (h, width) = (moments.squares[number], columns.count)
      h.withElements { h in
        for first in stride(from: 0, to: width, by: group) {
          for i in 0..<group {
            for j in 0..<group { square.base[i * group + j] = Double(h[(first + i) * width + first + j]) }
          }
          // A square inside a positive definite matrix is positive definite; should rounding have spoilt it, weights stay near their values.
          let isDefinite = SmallFactor.factor(square.base, group)
          if isDefinite { SmallFactor.invert(square.base, group, into: inverse.base) }
          let place = inverses.base + (columns.lowerBound + first) * group
          for i in 0..<group {
            for j in 0..<group {
              var sum = 0.0
              for k in max(i, j)..<group { sum += inverse.base[k * group + i] * inverse.base[k * group + j] }
              place[i * group + j] =
                isDefinite ? Float(-sum) : i == j ? -inverseDiagonal.base[columns.lowerBound + first + i] : 0
            }
          }
        }
        for row in 0..<width {
          let start = row / block * block
          for g in 0..<groups {
            var sum: Float = 0
            for k in 0..<group { sum += h[row * width + start + g * group + k] }
            groupSums.base[(columns.lowerBound + row) * groups + g] = sum
          }
        }
      }
    }
  }
}
