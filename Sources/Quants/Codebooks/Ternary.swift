/// What TQ1_0 and TQ2_0 share: weights as -1, 0 or 1 under the largest magnitude of the block.
enum Ternary {
  /// The largest magnitude of a block and the inverse that scales by it.
  static func scale(_ x: UnsafeBufferPointer<Float>) -> (d: Float, inverse: Float) {
    var largest: Float = 0
    for weight in x { largest = largest > abs(weight) ? largest : abs(weight) }
    return (largest, largest != 0 ? 1 / largest : 0)
  }

  /// A scaled weight as 0, 1 or 2: the nearest integer, halves away from zero, plus one.
  static func number(_ scaled: Float) -> UInt8 {
    let rounded = scaled.rounded(.toNearestOrAwayFromZero)
    // What does not fit 64 bits becomes their smallest integer, whose lower bits are zero.
    guard abs(rounded) < 0x1p63 else { return 1 }
    return UInt8(truncatingIfNeeded: Int64(rounded) &+ 1)
  }
}
