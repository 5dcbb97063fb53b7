import Quants
import Tensors

/// One tensor of a checkpoint: its name, type and shape, and where its stored bytes lie.
///
/// Entries are handed out only after validation: `offset ..< offset + byteCount` lies inside `file` and `byteCount` is
/// what `type` and `shape` need.
package struct TensorEntry: Sendable {
  /// The name in the file.
  package let name: String
  /// How its numbers are stored.
  package let type: TensorType
  /// Its dimensions, outermost first.
  package let shape: Shape
  /// The file that holds its bytes.
  package let file: InputFile
  /// Where its first byte lies in `file`.
  package let offset: UInt64
  /// The length of its stored form in bytes.
  package let byteCount: Int

  /// Describes a tensor whose range has been validated.
  package init(name: String, type: TensorType, shape: Shape, file: InputFile, offset: UInt64, byteCount: Int) {
    self.name = name
    self.type = type
    self.shape = shape
    self.file = file
    self.offset = offset
    self.byteCount = byteCount
  }

  /// Copies stored bytes, from byte `start` of the tensor on, until the buffer is full.
  ///
  /// - Throws: `fault` when the range passes the end of the tensor, `inputOutput` when reading fails.
  package func read(
    into destination: UnsafeMutableRawBufferPointer, at start: Int = 0
  ) throws(CheckpointError) {
    guard start >= 0, start <= byteCount, destination.count <= byteCount - start else {
      throw failure(.fault, "bytes \(start) and \(destination.count) more were asked for; it has \(byteCount)")
    }
    do throws(CheckpointError) {
      try file.read(at: offset + UInt64(start), into: destination)
    } catch {
      throw error.in(tensor: name)
    }
  }

  /// Lends the stored bytes, mapped, for the length of a call.
  package func withBytes<R>(
    _ body: (UnsafeRawBufferPointer) throws(CheckpointError) -> R
  ) throws(CheckpointError) -> R {
    do throws(CheckpointError) {
      return try file.withBytes(at: offset, count: byteCount, body)
    } catch {
      throw error.in(tensor: name)
    }
  }

  /// All weights decoded to `Float`, in stored order.
  ///
  /// Meant for small tensors (norms, biases); large ones are streamed row by row.
  ///
  /// - Throws: `unsupported` when the type has no codec, `malformed` when a block scale is NaN or infinite.
  package func readFloats() throws(CheckpointError) -> [Float] {
    return try withBytes { (bytes) throws(CheckpointError) in
      let codec = try type.requiredCodec()
      try checkScales(bytes)
      return [Float](unsafeUninitializedCapacity: shape.elementCount) { buffer, count in
        count = shape.elementCount
        codec.decode(bytes, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      }
    }
  }

  /// An error placed at this tensor.
  package func failure(_ code: CheckpointError.Code, _ message: String) -> CheckpointError {
    CheckpointError(code, message, file: file.path, tensor: name, offset: offset)
  }
}
