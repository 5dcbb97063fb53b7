/// Sums over numbers of a model before and the same numbers after, in double precision and in one fixed order.
///
/// Equal numbers give an error of exactly 0 and a cosine of exactly 1.
struct PairSums: Sendable {
  /// Σa².
  private(set) var before = 0.0
  /// Σb².
  private(set) var after = 0.0
  /// Σab.
  private(set) var product = 0.0
  /// Σ(b - a)².
  private(set) var difference = 0.0
  /// The largest |b - a|.
  private(set) var largest = 0.0

  /// Takes in numbers and their counterparts.
  mutating func add(_ before: UnsafeBufferPointer<Float>, _ after: UnsafeBufferPointer<Float>) {
    precondition(before.count == after.count, "a counterpart for every number")
    guard let first = UnsafeRawPointer(before.baseAddress), let second = UnsafeRawPointer(after.baseAddress) else {
      return
    }
    var (squares, others) = (SIMD8<Double>.zero, SIMD8<Double>.zero)
    var (products, differences) = (SIMD8<Double>.zero, SIMD8<Double>.zero)
    var extremes = SIMD8<Double>.zero
    let whole = before.count / 8 * 8
    for start in stride(from: 0, to: whole, by: 8) {
      let place = start * MemoryLayout<Float>.stride
      let a = SIMD8<Double>((first + place).loadUnaligned(as: SIMD8<Float>.self))
      let b = SIMD8<Double>((second + place).loadUnaligned(as: SIMD8<Float>.self))
      let step = b - a
      squares += a * a
      others += b * b
      products += a * b
      let squared = step * step
      differences += squared
      extremes.replace(with: squared, where: squared .> extremes)
    }
    self.before += squares.sum()
    self.after += others.sum()
    product += products.sum()
    difference += differences.sum()
    largest = max(largest, extremes.max().squareRoot())
    for place in whole..<before.count {
      let (a, b) = (Double(before[place]), Double(after[place]))
      self.before += a * a
      self.after += b * b
      product += a * b
      difference += (b - a) * (b - a)
      largest = max(largest, (b - a).magnitude)
    }
  }

  /// Takes in the sums of what follows.
  mutating func add(_ other: PairSums) {
    before += other.before
    after += other.after
    product += other.product
    difference += other.difference
    largest = max(largest, other.largest)
  }

  /// Whether every number was one.
  var isFinite: Bool { before.isFinite && after.isFinite && difference.isFinite }

  /// √(Σ(b - a)² / Σa²); where a model before has nothing but zeros, any change of them counts as 1.
  var relativeError: Double {
    if difference == 0 { return 0 }
    return before > 0 ? (difference / before).squareRoot() : 1
  }

  /// Of the angle between the two; 1 between zeros, 0 between zeros and something else.
  var cosine: Double {
    if difference == 0 { return 1 }
    guard before > 0, after > 0 else { return 0 }
    return max(-1, min(1, product / (before * after).squareRoot()))
  }
}
