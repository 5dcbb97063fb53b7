/// Factors of small symmetric matrices in double precision.
enum SmallFactor {
  /// Overwrites the lower half of A [n, n] with F, lower triangular, so that A = F^T F.
  ///
  /// Columns are eliminated from the last one up, so row j of F says how the inputs before j take part in what is new in j.
  ///
  /// - Returns: false when A is not positive definite.
  static func factor(_ a: UnsafeMutablePointer<Double>, _ n: Int) -> Bool {
    for j in stride(from: n - 1, through: 0, by: -1) {
      let row = a + j * n
      guard row[j] > 0, row[j].isFinite else { return false }
      let pivot = row[j].squareRoot()
      for k in 0..<j { row[k] /= pivot }
      row[j] = pivot
      for i in 0..<j {
        let (target, factor) = (a + i * n, row[i])
        for k in 0...i { target[k] -= factor * row[k] }
      }
    }
    return true
  }

  /// Writes the inverse of a lower triangular F [n, n], lower triangular too, with zeros above.
  static func invert(_ f: UnsafePointer<Double>, _ n: Int, into x: UnsafeMutablePointer<Double>) {
    x.update(repeating: 0, count: n * n)
    for j in 0..<n {
      let row = x + j * n
      let inverse = 1 / f[j * n + j]
      for m in 0..<j {
        let (factor, other) = (f[j * n + m], x + m * n)
        for k in 0...m { row[k] -= factor * other[k] }
      }
      for k in 0..<j { row[k] *= inverse }
      row[j] = inverse
    }
  }
}
