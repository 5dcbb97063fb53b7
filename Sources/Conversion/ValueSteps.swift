import Architectures
import Quants
import Base

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Steps undone on whole small tensors in F32.
enum ValueSteps {
  /// The tensor whose planes these are.
  static func join(_ planes: [[Float]], width: Int) -> [Float] {
    var result: [Float] = []
    result.reserveCapacity(planes.reduce(0) { $0 + $1.count })
    let outer = (planes.first?.count ?? 0) / width
    for item in 0..<outer {
      for plane in planes { result += plane[item * width..<(item + 1) * width] }
    }
    return result
  }

  /// The value that `forward` turns into `stored`, in a type's precision if one exists there.
  ///
  /// - Returns: nil when none of that precision gives the same bits.
  static func preimage(
    _ stored: Float, of transform: TensorTransform, in type: ElementType
  ) -> Float? {
    let guess: Float
    let apply: (Float) -> Float
    switch transform {
    case .addOne:
      guess = stored - 1
      apply = TransformSteps.addOne
    case .negativeExponential:
      guard stored < 0 else { return nil }
      guess = Float(log(Double(-stored)))
      apply = TransformSteps.negativeExponential
    case .rows, .columns, .plane: return rounded(stored, to: type).bitPattern == stored.bitPattern ? stored : nil
    }
    let wanted = stored.bitPattern
    // Values that fit a coarser type than asked for come first: published weights are more often round than not.
    for precision in [ElementType.bf16, .f16, .f32] where precision == type || precision.byteCount < type.byteCount {
      let middle = rounded(guess, to: precision)
      var (up, down) = (middle, middle)
      if apply(middle).bitPattern == wanted { return middle }
      for _ in 0..<16 {
        up = next(up, in: precision, up: true)
        down = next(down, in: precision, up: false)
        if apply(up).bitPattern == wanted { return up }
        if apply(down).bitPattern == wanted { return down }
      }
    }
    return nil
  }

  /// A value in the precision of a type.
  static func rounded(_ value: Float, to type: ElementType) -> Float {
    switch type {
    case .bf16: HalfPrecision.float(bf16: HalfPrecision.bf16(value))
    case .f16: HalfPrecision.float(f16: HalfPrecision.f16(value))
    default: value
    }
  }

  /// The neighbour of a value that has a type's precision.
  private static func next(_ value: Float, in type: ElementType, up: Bool) -> Float {
    switch type {
    case .bf16:
      // Neighbours of BF16 are 2^16 apart in the bits of F32; the sign turns their direction.
      let step: Int64 = (value.sign == .plus) == up ? 1 << 16 : -(1 << 16)
      if value == 0 { return Float(bitPattern: 1 << 16) * (up ? 1 : -1) }
      return Float(bitPattern: UInt32(truncatingIfNeeded: Int64(value.bitPattern) + step))
    case .f16:
      let bits = HalfPrecision.f16(value)
      if value == 0 { return HalfPrecision.float(f16: 1) * (up ? 1 : -1) }
      return HalfPrecision.float(f16: (value.sign == .plus) == up ? bits &+ 1 : bits &- 1)
    default: return up ? value.nextUp : value.nextDown
    }
  }
}
