import Base
import Containers
import Engine
import Quants

/// The steps between two forms of a tensor, applied to numbers in F32.
package enum TransformSteps {
  /// Takes values through steps: those of a whole tensor, or of whole items of its outermost dimension where no rows change places.
  ///
  /// What is undone becomes numbers of `type`'s precision where such give the stored values, and otherwise the nearest. A plane or an
  /// item that is undone leaves the values as they are: ``joined(_:_:as:)`` puts them where they belong.
  package static func apply(_ steps: [TensorStep], to values: [Float], as type: ElementType = .f32) -> [Float] {
    steps.reduce(values) { values, step in
      switch step.transform {
      case .addOne, .negativeExponential:
        step.isUndone
          ? values.map { preimage($0, of: step.transform, in: type) ?? nearest($0, step.transform) }
          : values.map { image($0, of: step.transform) }
      case .rows(let order): permuted(values, order, width: values.count / max(1, order.count))
      case .columns(let order): permuted(values, order, width: 1)
      case .transposed(let rows, let columns): transposed(values, rows: rows, columns: columns)
      case .plane(let plane): step.isUndone ? values : cut(values, plane)
      case .item(let index, let count):
        step.isUndone ? Array(values[values.count / count * index..<values.count / count * (index + 1)]) : values
      // Rows are taken where they are read, and brought together where they are written.
      case .selection: values
      }
    }
  }

  /// The values of a tensor that is made of several: each taken through its own steps, and planes brought together, whose further steps the
  /// whole goes through.
  package static func joined(_ parts: [[Float]], _ steps: [[TensorStep]], as type: ElementType) -> [Float] {
    func place(_ steps: [TensorStep]) -> Int? {
      steps.firstIndex { if case .plane = $0.transform { $0.isUndone } else { false } }
    }
    if let first = steps.first, let join = place(first), case .plane(let plane) = first[join].transform {
      let parts = zip(parts, steps).map { apply(Array($1.prefix(place($1) ?? $1.count)), to: $0, as: type) }
      let whole = (0..<parts[0].count / plane.width).flatMap { item in
        parts.flatMap { $0[item * plane.width..<(item + 1) * plane.width] }
      }
      return apply(Array(first[(join + 1)...]), to: whole, as: type)
    }
    let parts = zip(parts, steps).map { apply($1, to: $0, as: type) }
    return parts.count == 1 ? parts[0] : Array(parts.joined())
  }

  /// The values of one item of the outermost dimension, taken through steps that go item by item.
  static func item(_ index: Int, of tensor: TensorEntry, _ steps: [TensorStep]) throws(CheckpointError) -> [Float] {
    apply(steps, to: try tensor.selecting([index..<index + 1], name: tensor.name).readFloats())
  }

  /// What a step makes of a value, rounded once but for the rarest cases.
  package static func image(_ value: Float, of transform: TensorTransform) -> Float {
    switch transform {
    case .addOne: value + 1
    case .negativeExponential: -Exponential.accurate(value)
    case .rows, .columns, .transposed, .plane, .item, .selection: value
    }
  }

  /// Values in another order, `width` of them at each position; the order covers a matrix, or every row of one.
  private static func permuted(_ values: [Float], _ order: BlockPermutation, width: Int) -> [Float] {
    let length = order.count * width
    guard length > 0 else { return values }
    return [Float](unsafeUninitializedCapacity: values.count) { buffer, count in
      for start in stride(from: 0, to: values.count, by: length) {
        order.pieces(of: 0..<order.count) { source, positions, place in
          for offset in 0..<positions * width {
            buffer[start + place * width + offset] = values[start + source * width + offset]
          }
        }
      }
      count = values.count
    }
  }

  /// Every matrix of `[…, rows, columns]` transposed.
  private static func transposed(_ values: [Float], rows: Int, columns: Int) -> [Float] {
    var result: [Float] = []
    result.reserveCapacity(values.count)
    for start in stride(from: 0, to: values.count, by: rows * columns) {
      for column in 0..<columns {
        for row in 0..<rows { result.append(values[start + row * columns + column]) }
      }
    }
    return result
  }

  /// One plane of `[outer, planes, width]`.
  private static func cut(_ values: [Float], _ plane: TensorTransform.Plane) -> [Float] {
    var result: [Float] = []
    result.reserveCapacity(values.count / plane.count)
    for start in stride(from: plane.index * plane.width, to: values.count, by: plane.count * plane.width) {
      result += values[start..<start + plane.width]
    }
    return result
  }

  /// The value that a step turns into `stored`, in a type's precision if one exists there.
  ///
  /// - Returns: nil when none of that precision gives the same bits.
  package static func preimage(_ stored: Float, of transform: TensorTransform, in type: ElementType) -> Float? {
    let guess: Float
    switch transform {
    case .addOne: guess = stored - 1
    case .negativeExponential:
      guard stored < 0 else { return nil }
      guess = Float(Exponential.logarithm(Double(-stored)))
    case .rows, .columns, .transposed, .plane, .item, .selection:
      return HalfPrecision.rounded(stored, to: type).bitPattern == stored.bitPattern ? stored : nil
    }
    func isOrigin(_ value: Float) -> Bool { image(value, of: transform).bitPattern == stored.bitPattern }
    // Values that fit a coarser type than asked for come first: published weights are more often round than not.
    for precision in [ElementType.bf16, .f16, .f32] where precision == type || precision.byteCount < type.byteCount {
      let middle = HalfPrecision.rounded(guess, to: precision)
      if isOrigin(middle) { return middle }
      var (up, down) = (middle, middle)
      for _ in 0..<16 {
        up = HalfPrecision.neighbour(of: up, in: precision, up: true)
        down = HalfPrecision.neighbour(of: down, in: precision, up: false)
        if isOrigin(up) { return up }
        if isOrigin(down) { return down }
      }
    }
    return nil
  }

  /// The value closest to a preimage, for stored values that have none.
  private static func nearest(_ stored: Float, _ transform: TensorTransform) -> Float {
    transform == .addOne ? stored - 1 : stored
  }
}
