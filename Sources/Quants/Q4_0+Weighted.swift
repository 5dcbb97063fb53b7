extension Q4_0 {
  /// Packs a row so that errors in important weights count more, as ggml's reference does with an importance matrix.
  ///
  /// A weight's factor is its importance times sqrt(mean square of the row + its own square). Nineteen scales are
  /// tried, from the one that puts the extreme weight on -8 to one step of a tenth less than 9 either way; each is
  /// refitted by weighted least squares, and the first best one stays. Every sum runs in element order in 32-bit
  /// floats, since another order can choose another scale.
  static func encodeWeighted(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    precondition(importance.count >= row.count, "every weight has an importance")
    var squares: Float = 0
    for weight in row { squares += weight * weight }
    let meanSquare = squares / Float(row.count)
    var search = ScaleSearch()
    for block in 0..<row.count / blockElements {
      let first = block * blockElements
      let start = block * blockBytes
      for i in 0..<blockElements {
        let weight = row[first + i]
        search.weights[i] = weight
        search.factors[i] = importance[first + i] * (meanSquare + weight * weight).squareRoot()
      }
      let d = search.run()
      blocks.storeBytes(of: HalfPrecision.f16(d).littleEndian, toByteOffset: start, as: UInt16.self)
      for i in 0..<16 { blocks[start + 2 + i] = search.numbers[i] | search.numbers[16 + i] << 4 }
    }
  }
}

/// The search for one block's scale.
private struct ScaleSearch {
  var weights = [Float](repeating: 0, count: Q4_0.blockElements)
  var factors = [Float](repeating: 0, count: Q4_0.blockElements)
  /// The result: each weight's number, 0...15.
  var numbers = [UInt8](repeating: 0, count: Q4_0.blockElements)

  /// Blocks whose largest magnitude is below this are all zeros to the reference.
  private static let smallest: Float = 1e-15

  /// Sets `numbers` and returns the scale.
  mutating func run() -> Float {
    var largest: Float = 0
    var extreme: Float = 0
    for weight in weights where abs(weight) > largest {
      largest = abs(weight)
      extreme = weight
    }
    guard largest >= Self.smallest else {
      for i in numbers.indices { numbers[i] = 0 }
      return 0
    }
    var fit = sums(-8 / extreme)
    assign(-8 / extreme)
    var scale = fit.squares != 0 ? fit.products / fit.squares : 0
    var best = scale * fit.products
    for step in -9...9 where step != 0 {
      let inverse = -(8 + 0.1 * Float(step)) / extreme
      fit = sums(inverse)
      if fit.squares > 0 && fit.products * fit.products > best * fit.squares {
        assign(inverse)
        scale = fit.products / fit.squares
        best = scale * fit.products
      }
    }
    return scale
  }

  /// The weighted sums of weight x number and of number x number under an inverse scale.
  private func sums(_ inverse: Float) -> (products: Float, squares: Float) {
    var products: Float = 0
    var squares: Float = 0
    for i in weights.indices {
      let number = Float(Self.nearest(inverse * weights[i]))
      products += factors[i] * weights[i] * number
      squares += factors[i] * number * number
    }
    return (products, squares)
  }

  private mutating func assign(_ inverse: Float) {
    for i in weights.indices {
      numbers[i] = UInt8(truncatingIfNeeded: Self.nearest(inverse * weights[i]) + 8)
    }
  }

  /// The nearest integer in -8...7, ties to even: adding 1.5 x 2^23 leaves it in the low bits of the sum.
  private static func nearest(_ value: Float) -> Int32 {
    let shifted = Int32(bitPattern: (value + 12_582_912).bitPattern & 0x007F_FFFF) - 0x0040_0000
    return max(-8, min(7, shifted))
  }
}
