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
