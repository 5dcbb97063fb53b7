/// Positions of tokens along time, row and column: [3, T].
///
/// Text has the same number on all three.
package struct Positions: Sendable, Equatable {
  package let axes: [[Int32]]

  package var count: Int { axes[0].count }

  /// Text: token `start + t` sits at that place on every axis.
  package init(text count: Int, from start: Int) {
    let line = (0..<count).map { Int32(truncatingIfNeeded: start + $0) }
    axes = [line, line, line]
  }

  /// Three rows of equal length: time, row, column.
  package init(axes: [[Int32]]) {
    precondition(axes.count == 3 && axes.allSatisfy { $0.count == axes[0].count }, "three axes of one length")
    self.axes = axes
  }

  /// The positions of some of the tokens.
  package subscript(range: Range<Int>) -> Positions { Positions(axes: axes.map { Array($0[range]) }) }

  /// These, and others behind them.
  package static func + (first: Positions, second: Positions) -> Positions {
    Positions(axes: zip(first.axes, second.axes).map { $0 + $1 })
  }
}

/// Rotary position embedding on the first `dimension` values of a head, pairs (i, i + dimension/2), the axis of each frequency
/// taken from an interleaved multimodal section list.
///
/// Frequency i turns by position / (theta^(2i/dimension) * divisor i). Frequency i follows the row position when i mod 3 is 1 and
/// i < 3 * sections[1], the column position when i mod 3 is 2 and i < 3 * sections[2], otherwise time.
package struct RotaryEmbedding: Sendable, Equatable {
  package let dimension: Int
  let inverseFrequencies: [Float]
  let axis: [Int]
  package let scaling: RotaryScaling

  /// Frequencies for `dimension` rotated values; `sections` has three entries, or is empty for plain rotary embedding.
  package init(dimension: Int, theta: Double, sections: [Int] = [], scaling: RotaryScaling = RotaryScaling()) {
    precondition(dimension % 2 == 0, "rotary dimensions come in pairs")
    self.dimension = dimension
    self.scaling = scaling
    inverseFrequencies = (0..<dimension / 2).map { i in
      Float(1 / Float(Exponential.power(theta, Double(2 * i) / Double(dimension))))
    }
    axis = (0..<dimension / 2).map { i in
      guard sections.count == 3 else { return 0 }
      if i % 3 == 1, i < 3 * sections[1] { return 1 }
      if i % 3 == 2, i < 3 * sections[2] { return 2 }
      return 0
    }
  }

  /// Cosines then sines for each token of a sequence of `length` tokens: [T, dimension], the first half cosines.
  package func table(_ positions: Positions, length: Int = 0) -> Activations {
    let half = dimension / 2
    let divisors = scaling.divisors(length: length)
    let frequencies = divisors.isEmpty ? inverseFrequencies : zip(inverseFrequencies, divisors).map { $0 / $1 }
    let result = Activations(rows: positions.count, columns: dimension)
    for t in 0..<positions.count {
      let row = result.base + t * dimension
      for i in 0..<half {
        // The angle is rounded to f32 as the reference rounds it; its cosine is then taken exactly.
        let angle = Double(Float(positions.axes[axis[i]][t]) * frequencies[i])
        (row[i], row[half + i]) = Exponential.turn(angle)
      }
      if scaling.magnitude != 1 { scale(row, by: scaling.magnitude, dimension) }
    }
    return result
  }

  /// Turns one head in place; `turns` is its token's row of the table.
  @inline(__always)
  func rotate(_ head: Floats, _ turns: Floats) {
    let half = dimension / 2
    for i in 0..<half {
      let (a, b, c, s) = (head[i], head[half + i], turns[i], turns[half + i])
      head[i] = a * c - b * s
      head[half + i] = b * c + a * s
    }
  }
}

extension RotaryEmbedding {
  /// Frequencies for places in a grid: the first half of the pairs turns by the row, the second by the column, both with
  /// theta^(-2j / (dimension / 2)).
  package init(gridDimension dimension: Int, theta: Double) {
    precondition(dimension % 4 == 0, "two axes of rotated pairs")
    let half = RotaryEmbedding(dimension: dimension / 2, theta: theta)
    self.dimension = dimension
    scaling = RotaryScaling()
    inverseFrequencies = half.inverseFrequencies + half.inverseFrequencies
    axis = [Int](repeating: 1, count: dimension / 4) + [Int](repeating: 2, count: dimension / 4)
  }
}

extension RotaryEmbedding {
  /// Turns each head of [T, heads * n] by its token's position, behind a norm of the head where there is one.
  package func normAndRotate(
    _ x: Activations, heads: Int, norm: RMSNorm?, turns: Activations, _ compute: Compute
  ) {
    let width = x.columns / heads
    precondition(norm.map { $0.weight.count == width } ?? true && width >= dimension && turns.rows == x.rows)
    compute.each(x.rows, grain: 8) { part in
      for t in part {
        for head in 0..<heads {
          let start = x.base + t * x.columns + head * width
          norm?.apply(to: start, compute.kernels)
          rotate(start, turns.base + t * turns.columns)
        }
      }
    }
  }
}

/// Where the tokens of one call stand, and their rotary turns, each table worked out when a layer first asks for it.
package final class Turns {
  package let positions: Positions
  /// Tokens that the sequence has with those of this call, or will have when what is being read is through.
  package let length: Int
  /// Tokens of this call that see each other in both directions, block by block in their order; none for most models.
  package let blocks: [Range<Int>]
  private var tables: [(rotary: RotaryEmbedding, table: Activations)] = []

  package init(at positions: Positions, length: Int, blocks: [Range<Int>] = []) {
    self.positions = positions
    self.length = length
    self.blocks = blocks
  }

  /// The table of an embedding: [T, rotated dimensions].
  package func table(_ rotary: RotaryEmbedding) -> Activations {
    if let known = tables.first(where: { $0.rotary == rotary }) { return known.table }
    tables.append((rotary, rotary.table(positions, length: length)))
    return tables[tables.count - 1].table
  }
}
