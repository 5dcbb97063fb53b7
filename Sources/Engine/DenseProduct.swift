/// A matrix in memory: where it starts and how far apart its rows are, in elements.
package struct MatrixPart {
  package let start: UnsafePointer<Float>
  package let stride: Int

  package init(_ start: UnsafePointer<Float>, stride: Int) {
    self.start = start
    self.stride = stride
  }

  package init(_ start: UnsafeMutablePointer<Float>, stride: Int) {
    self.start = UnsafePointer(start)
    self.stride = stride
  }

  /// The rows from `row` on.
  func from(_ row: Int) -> MatrixPart { MatrixPart(start + row * stride, stride: stride) }
}

/// c = a b, or c += a b, in plain Swift: what `EngineKernels.dense` does for small f32 matrices that are not weights (scores, values,
/// states).
///
/// a is [m, k], b is [k, n], c is [m, n]. Each element of c is one running sum over k in order, whatever m and n are, so a
/// product cut into blocks of rows or columns, or into consecutive pieces of k that accumulate, has the same bits.
package func denseProduct(
  _ a: MatrixPart, _ b: MatrixPart, into c: UnsafeMutablePointer<Float>, stride: Int, m: Int, n: Int, k: Int,
  accumulate: Bool
) {
  for i in 0..<m {
    let row = c + i * stride
    if !accumulate { row.update(repeating: 0, count: n) }
    for p in 0..<k { addScaled(a.start[i * a.stride + p], b.start + p * b.stride, to: row, n) }
  }
}
