/// What Q4_1 and Q5_1 share: blocks of thirty-two weights as numbers over a scale and a minimum.
struct AffineBlocks {
  /// The largest number.
  let limit: Int32

  /// Encodes a row block by block.
  ///
  /// - Parameters:
  ///   - row: whole blocks.
  ///   - importance: one factor a weight, or nil for the plain rule.
  ///   - store: receives the block's index, scale, minimum and numbers.
  func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    store: (Int, Float, Float, UnsafeMutableBufferPointer<UInt8>) -> Void
  ) {
    let numbers = Scratch<UInt8>(32, 0)
    let factors = Scratch<Float>(32, 0)
    let meanSquare = importance == nil ? 0 : ErrorFactors.sumOfSquares(row) / Float(row.count)
    for block in 0..<row.count / 32 {
      let x = row.slice(block * 32, 32)
      if let importance {
        ErrorFactors.weighted(
          x, importance: importance.slice(block * 32, 32), spread: meanSquare, into: factors.buffer)
        let fit = AffineScale.weighted(limit: limit).search(
          x, factors: factors.slice(0, 32), numbers: numbers.buffer)
        store(block, fit.scale, -fit.offset, numbers.buffer)
      } else {
        let (d, m) = spread(x, numbers.buffer)
        store(block, d, m, numbers.buffer)
      }
    }
  }

  /// Spreads the numbers evenly from the smallest weight to the largest.
  private func spread(
    _ x: UnsafeBufferPointer<Float>, _ numbers: UnsafeMutableBufferPointer<UInt8>
  ) -> (d: Float, m: Float) {
    var low = Float.greatestFiniteMagnitude
    var high = -Float.greatestFiniteMagnitude
    for weight in x {
      if weight < low { low = weight }
      if weight > high { high = weight }
    }
    let d = (high - low) / Float(limit)
    let inverse: Float = d != 0 ? 1 / d : 0
    for i in x.indices {
      let number = Int8(truncatingIfNeeded: truncatedInteger((x[i] - low) * inverse + 0.5))
      numbers[i] = UInt8(bitPattern: min(Int8(truncatingIfNeeded: limit), number))
    }
    return (d, low)
  }
}
