import Engine

/// Reproducible numbers for tests: uniform between -1 and 1.
struct Numbers {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> Float {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Float(state >> 40) / 8_388_608 - 1
  }

  mutating func matrix(_ rows: Int, _ columns: Int, times scale: Float = 1, plus offset: Float = 0) -> Activations {
    Activations(rows: rows, columns: columns, (0..<rows * columns).map { _ in next() * scale + offset })
  }
}

/// The largest difference, relative to the largest magnitude of `expected`.
func largestDifference(_ found: [Float], _ expected: [Float]) -> Float {
  var worst: Float = 0
  var largest: Float = 0
  for (a, b) in zip(found, expected) {
    // NaN must not pass for agreement.
    worst = (a - b).isNaN ? .infinity : max(worst, abs(a - b))
    largest = max(largest, abs(b))
  }
  return found.count == expected.count ? worst / max(largest, .leastNormalMagnitude) : .infinity
}
