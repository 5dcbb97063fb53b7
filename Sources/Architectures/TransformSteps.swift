import Engine
import Base

/// The steps of a rule applied to numbers in F32.
package enum TransformSteps {
  /// From Hugging Face's values to GGUF's: those of whole items of the outermost dimension, or, where heads change places, of all of
  /// it.
  package static func forward(_ values: [Float], _ transforms: [TensorTransform]) -> [Float] {
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
  package static func addOne(_ value: Float) -> Float { value + 1 }

  /// `-exp(w)`, correctly rounded but for the rarest cases.
  package static func negativeExponential(_ value: Float) -> Float { -Exponential.accurate(value) }

  /// A vector in another order.
  ///
  /// - Precondition: the permutation covers exactly the vector.
  package static func permuted(_ values: [Float], _ permutation: BlockPermutation) -> [Float] {
    values.indices.map { values[permutation.source(of: $0)] }
  }

  /// One plane of `[outer, planes, width]`, or of `[outer, planes, width, channels]` as `[outer, channels, width]`.
  package static func cut(_ values: [Float], _ plane: TensorTransform.Plane) -> [Float] {
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
}
