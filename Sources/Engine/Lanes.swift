/// Eight neighbouring floats, the width in which the plain Swift loops of this module work.
typealias Lanes = SIMD8<Float>

/// x *= a over `count` elements.
@inline(__always)
func scale(_ x: Floats, by a: Float, _ count: Int) {
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
