/// Eight neighbouring floats, the width in which the plain Swift loops of this module work.
typealias Lanes = SIMD8<Float>

extension UnsafePointer<Float> {
  /// Reads eight floats starting `offset` elements on.
  @inline(__always)
  func lanes(_ offset: Int) -> Lanes { UnsafeRawPointer(self + offset).loadUnaligned(as: Lanes.self) }
}

extension UnsafeMutablePointer<Float> {
  /// Reads eight floats starting `offset` elements on.
  @inline(__always)
  func lanes(_ offset: Int) -> Lanes { UnsafeRawPointer(self + offset).loadUnaligned(as: Lanes.self) }

  /// Writes eight floats starting `offset` elements on.
  @inline(__always)
  func store(_ value: Lanes, _ offset: Int) {
    UnsafeMutableRawPointer(self + offset).storeBytes(of: value, as: Lanes.self)
  }
}

/// x *= a over `count` elements.
@inline(__always)
func scale(_ x: UnsafeMutablePointer<Float>, by a: Float, _ count: Int) {
  let factor = Lanes(repeating: a)
  var i = 0
  while i + 8 <= count {
    x.store(x.lanes(i) * factor, i)
    i += 8
  }
  while i < count {
    x[i] *= a
    i += 1
  }
}
