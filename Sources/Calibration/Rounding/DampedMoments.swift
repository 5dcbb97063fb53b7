import Base
import Engine

/// The moments of a matrix's inputs, H, with something added to the diagonal so that what few tokens say is not taken at its word.
///
/// The unit is a sum over tokens, as ``InputMoments`` has it.
final class DampedMoments: Sendable {
  let columns: Int
  let tokens: Int
  /// Without what is added.
  let sums: Activations
  /// What is added to each number of the diagonal.
  let added: [Float]
  /// The diagonal with what is added.
  let diagonal: [Float]
  /// Columns that are rounded before their errors go to all columns behind them.
  let blocks: [Range<Int>]
  /// The square of each block, [w, w], with what is added.
  let squares: [Activations]

  static let block = 256

  /// Adds `damping` times the mean of the diagonal; a column that was never anything but zero gets the mean itself on top.
  ///
  /// Without any input at all columns count alike.
  init(_ moments: InputMoments, damping: Double) throws(CheckpointError) {
    (columns, tokens, sums) = (moments.columns, moments.tokens, moments.sums)
    let (columns, sums) = (columns, sums)
    let plain = (0..<columns).map { sums[$0, $0] }
    guard plain.allSatisfy({ $0.isFinite && $0 >= 0 }) else {
      throw CheckpointError(.malformed, "moments of \(columns) inputs: a square is negative or not a number")
    }
    var mean = columns > 0 ? plain.reduce(0.0) { $0 + Double($1) } / Double(columns) : 0
    if mean == 0 { mean = 1 }
    let added = plain.map { Float($0 == 0 ? mean * (1 + damping) : mean * damping) }
    self.added = added
    diagonal = zip(plain, added).map { $0 + $1 }
    blocks = stride(from: 0, to: columns, by: Self.block).map { $0..<min(columns, $0 + Self.block) }
    squares = blocks.map { block in
      let square = Activations(rows: block.count, columns: block.count)
      for row in block {
        for column in block {
          square[row - block.lowerBound, column - block.lowerBound] =
            sums[row, column] + (row == column ? added[row] : 0)
        }
      }
      return square
    }
  }

  /// Copies part of a row, with what is added.
  func copy(row: Int, _ range: Range<Int>, to place: UnsafeMutablePointer<Float>) {
    sums.withElements { all in
      guard let base = all.baseAddress else { return }
      place.update(from: base + row * columns + range.lowerBound, count: range.count)
    }
    if range.contains(row) { place[row - range.lowerBound] += added[row] }
  }
}
