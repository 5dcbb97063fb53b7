extension Q4_0 {
  /// Packs a row so that errors in important weights count more, as ggml's reference does with an importance matrix.
  ///
  /// A weight's factor is its importance times sqrt(mean square of the row + its own square).
  static func encodeWeighted(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    precondition(importance.count >= row.count, "every weight has an importance")
    let meanSquare = ErrorFactors.sumOfSquares(row) / Float(row.count)
    let numbers = Scratch<UInt8>(blockElements, 0)
    let factors = Scratch<Float>(blockElements, 0)
    for block in 0..<row.count / blockElements {
      let x = row.slice(block * blockElements, blockElements)
      ErrorFactors.weighted(
        x, importance: importance.slice(block * blockElements, blockElements), spread: meanSquare,
        into: factors.buffer)
      let d = SymmetricScale.search(
        x, factors: factors.slice(0, blockElements), limit: 8, numbers: numbers.buffer)
      let start = block * blockBytes
      blocks.storeHalf(d, at: start)
      for i in 0..<16 { blocks[start + 2 + i] = numbers[i] | numbers[16 + i] << 4 }
    }
  }
}
