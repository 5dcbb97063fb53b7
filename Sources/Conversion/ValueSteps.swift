import Architectures
import Quants
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Transforms applied to whole small tensors in F32.
enum ValueSteps {
  /// From Hugging Face's values to GGUF's.
  static func forward(_ values: [Float], _ transforms: [TensorTransform]) -> [Float] {
    transforms.reduce(values) { values, transform in
      switch transform {
      case .addOne: values.map { addOne($0) }
      case .negativeExponential: values.map { negativeExponential($0) }
      case .rows(let permutation), .columns(let permutation): permuted(values, permutation)
      case .plane(let plane): cut(values, plane)
      }
    }
  }

  /// `1 + w`, rounded once.
  static func addOne(_ value: Float) -> Float { value + 1 }

  /// `-exp(w)`, correctly rounded but for the rarest cases.
  static func negativeExponential(_ value: Float) -> Float { Float(-exp(Double(value))) }

  /// A vector in another order.
  ///
  /// - Precondition: the permutation covers exactly the vector.
  static func permuted(_ values: [Float], _ permutation: BlockPermutation) -> [Float] {
    values.indices.map { values[permutation.source(of: $0)] }
  }

  /// One plane of `[outer, planes, width]`, or of `[outer, planes, width, channels]` as `[outer, channels, width]`.
  static func cut(_ values: [Float], _ plane: TensorTransform.Plane) -> [Float] {
    let (width, channels) = (plane.width, plane.interleavedChannels)
    let outer = values.count / (plane.count * width * channels)
    var result: [Float] = []
    result.reserveCapacity(values.count / plane.count)
    for item in 0..<outer {
      let start = (item * plane.count + plane.index) * width * channels
      for channel in 0..<channels {
        for position in 0..<width { result.append(values[start + position * channels + channel]) }
      }
    }
    return result
  }

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
      apply = addOne
    case .negativeExponential:
      guard stored < 0 else { return nil }
      guess = Float(log(Double(-stored)))
      apply = negativeExponential
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
