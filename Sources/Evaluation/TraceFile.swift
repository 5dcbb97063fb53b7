import Containers
import Quants
import Base

extension Trace {
  /// Writes the recorded tensors to a safetensors file.
  ///
  /// - Throws: `exists` when the file is there and may not be replaced, and what writing throws.
  package func write(to path: String, overwrite: Bool) throws(CheckpointError) {
    let descriptions = tensors.map { tensor in
      let type =
        switch tensor.value {
        case .int32: TensorType.i32
        case .float32: TensorType.f32
        }
      return TensorDescription(name: tensor.name, type: type, shape: Shape(tensor.shape))
    }
    let writer = try SafetensorsWriter(path: path, metadata: [], tensors: descriptions, overwrite: overwrite)
    for (index, tensor) in tensors.enumerated() {
      let result =
        switch tensor.value {
        case .int32(let values): values.withUnsafeBytes { Self.add($0, at: index, to: writer) }
        case .float32(let values): values.withUnsafeBytes { Self.add($0, at: index, to: writer) }
        }
      try result.get()
    }
    _ = try writer.finish()
  }

  /// Writes one tensor; the result carries a typed error out of a closure that cannot throw one.
  private static func add(
    _ bytes: UnsafeRawBufferPointer, at index: Int, to writer: SafetensorsWriter
  ) -> Result<Void, CheckpointError> {
    Result { () throws(CheckpointError) in try writer.writeTensor(index, bytes) }
  }
}
