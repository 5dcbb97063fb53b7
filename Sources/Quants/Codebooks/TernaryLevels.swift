/// What IQ1_S and IQ1_M share: weights near -1, 0 and 1, all shifted an eighth up or all an eighth down.
enum TernaryLevels {
  /// Source: ggml, `IQ1S_DELTA` and `IQ1M_DELTA`.
  static let shift: Float = 0.125
  static let up: [Float] = [-1 + shift, shift, 1 + shift]
  static let down: [Float] = [-1 - shift, -shift, 1 - shift]

  /// The indices of weights in ascending order, equal ones in their order.
  static func ascending(_ x: UnsafeBufferPointer<Float>) -> [Int] {
    x.indices.sorted { x[$0] < x[$1] || (x[$0] == x[$1] && $0 < $1) }
  }

  /// Numbers 0, 1, 2 for the weights before, between and after two places of the ascending order.
  ///
  /// Mirrored, when the scale turned out negative: 0 and 2 change places.
  static func assign(
    _ order: [Int], _ first: Int, _ second: Int, isMirrored: Bool, into numbers: UnsafeMutableBufferPointer<UInt8>
  ) {
    for (place, index) in order.enumerated() {
      let number: UInt8 = place < first ? 0 : place < second ? 1 : 2
      numbers[index] = isMirrored ? 2 - number : number
    }
  }

  /// Rounds eight numbers to a point of the codebook; whether they were one already.
  ///
  /// Among the points around an empty cell the one with the smallest weighted squared error is taken, the first of equals.
  static func round(
    _ numbers: UnsafeMutableBufferPointer<UInt8>, _ x: UnsafeBufferPointer<Float>, factors: UnsafeBufferPointer<Float>,
    scale: Float, levels: [Float]
  ) -> (point: Int, isExact: Bool) {
    let codebook = Codebook.iq1
    let cell = codebook.cell(numbers)
    if let point = codebook.point(cell) { return (point, true) }
    let neighbours = codebook.neighbours(cell)
    var nearest = Int(neighbours[neighbours.startIndex])
    var smallest = Float.greatestFiniteMagnitude
    for neighbour in neighbours {
      var distance: Float = 0
      for i in 0..<8 {
        let difference = scale * levels[Int(codebook.numbers[Int(neighbour) * 8 + i])] - x[i]
        distance += factors[i] * difference * difference
      }
      if distance < smallest {
        smallest = distance
        nearest = Int(neighbour)
      }
    }
    return (nearest, false)
  }

  /// The level of a point's number as a plain decoder sees it.
  static func level(_ point: Int, _ i: Int) -> Float {
    Float(Int(Codebook.iq1.numbers[point * 8 + i]) - 1)
  }
}
