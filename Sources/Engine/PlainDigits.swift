import Quants

/// The digits road written out: what the kernels of `ops/digits_dot.h` compute, one output at a time.
///
/// The codes of a row are found from its decoded weights, so that only the scales of a format are read here (``DigitWeights``).
package enum PlainDigits {
  /// Columns of a token as whole numbers of two digits to the base of 2^15, times a power of two.
  package struct Stretch: Equatable {
    /// First and second digits of each column.
    package var digits: [[Int32]] = [[], []]
    package var scale: Float

    /// Cuts at most `FormatKernels.digitColumns` columns.
    package init(_ x: ArraySlice<Float>) {
      let largest = x.reduce(0) { max($0, $1.bitPattern & 0x7FFF_FFFF) } >> 23
      guard largest < 255 else {
        scale = .nan
        digits = [[Int32]](repeating: [Int32](repeating: 0, count: x.count), count: 2)
        return
      }
      scale = Float(bitPattern: max(1, largest < 28 ? 1 : largest - 27) << 23)
      for value in x {
        let number = Int32((Double(value) / Double(scale)).rounded(.toNearestOrEven))
        let first = (number + 0x4000) >> 15
        digits[0].append(first)
        digits[1].append(number - first * 0x8000)
      }
    }
  }

  /// y = x W^T for block formats.
  ///
  /// - Parameters:
  ///   - x: inputs, [tokens, w.columns].
  ///   - tokens: rows of x.
  ///   - w: the weights.
  ///   - isFused: whether a multiply-add rounds once, as at every level but `portable`.
  /// - Returns: outputs, [tokens, w.rows], to the bit.
  package static func multiply(_ x: [Float], tokens: Int, by w: WeightMatrix, isFused: Bool) -> [Float] {
    var y = [Float](repeating: 0, count: tokens * w.rows)
    let width = FormatKernels.digitColumns
    let starts = Array(stride(from: 0, to: w.columns, by: width))
    let cut = (0..<tokens).map { token in
      starts.map { start in Stretch(x[token * w.columns + start..<token * w.columns + min(w.columns, start + width)]) }
    }
    var weights = [Float](repeating: 0, count: w.columns)
    for row in 0..<w.rows {
      weights.withUnsafeMutableBufferPointer { w.decode(row: row, into: $0) }
      let parts = starts.map { start in
        let count = min(width, w.columns - start)
        return w.withStored(row: row, first: start, count: count) { stored in
          DigitWeights(w.type, stored, weights[start..<start + count])
        }
      }
      for token in 0..<tokens {
        var lanes = Lanes(isFused: isFused)
        for (part, stretch) in zip(parts, cut[token]) { lanes.add(part, stretch) }
        y[token * w.rows + row] = lanes.sum
      }
    }
    return y
  }

  /// Eight running sums: lane k has columns 4 k to 4 k + 3 of every 32.
  private struct Lanes {
    let isFused: Bool
    var total = [Float](repeating: 0, count: 8)

    init(isFused: Bool) { self.isFused = isFused }

    /// Halves are added until one is left.
    var sum: Float {
      let four = (0..<4).map { total[$0] + total[$0 + 4] }
      return (four[0] + four[2]) + (four[1] + four[3])
    }

    private func fused(_ a: Float, _ b: Float, _ c: Float) -> Float {
      isFused ? c.addingProduct(a, b) : c + a * b
    }

    mutating func add(_ w: DigitWeights, _ x: Stretch) {
      for lane in 0..<8 {
        var upper: Float = 0
        var lower: Float = 0
        for first in stride(from: lane * 4, to: w.codes.count, by: 32) {
          func sum(_ digit: Int) -> Float {
            Float((first..<first + 4).reduce(0) { $0 + w.codes[$1] * x.digits[digit][$1] })
          }
          upper = fused(w.steps[first / 16], sum(0), upper)
          lower = fused(w.steps[first / 16], sum(1), lower)
        }
        var value = fused(upper, 0x1p15, lower)
        // Offsets of 32 columns go to a lane of their own: the first sixteen columns, then the second.
        for half in 0..<2 where w.hasOffsets && lane * 2 < w.offsets.count {
          let group = lane * 2 + half
          func sum(_ digit: Int) -> Float {
            Float((group * 16..<group * 16 + 16).reduce(0) { $0 + x.digits[digit][$1] })
          }
          value = fused(w.offsets[group], sum(0) * 0x1p15 + sum(1), value)
        }
        total[lane] = fused(x.scale, value, total[lane])
      }
    }
  }
}
