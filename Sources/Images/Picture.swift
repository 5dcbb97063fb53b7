/// A picture as the model sees it: 8-bit red, green and blue, upright, top row first.
package struct Picture: Sendable, Equatable {
  /// Pixels in a row.
  package let width: Int
  /// Rows.
  package let height: Int
  /// The samples, [height, width, 3].
  package let samples: [UInt8]

  /// Takes samples laid out [height, width, 3].
  package init(width: Int, height: Int, samples: [UInt8]) {
    precondition(samples.count == width * height * 3, "three samples a pixel")
    self.width = width
    self.height = height
    self.samples = samples
  }
}
