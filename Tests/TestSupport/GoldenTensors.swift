import Base

/// A small safetensors file of reference values, read whole.
///
/// Parsed here by hand rather than by `Containers`, so that tests of what stands beside it do not lean on it.
package struct GoldenTensors: Sendable {
  private let header: OrderedJSON
  private let bytes: [UInt8]
  private let dataStart: Int

  /// Reads a fixture, for example `golden/tiny-qwen3.5/activations-images.safetensors`.
  package init(_ fixture: String) throws {
    bytes = try Fixtures.bytes(fixture)
    let length = bytes.withUnsafeBytes { Int(UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self))) }
    header = try OrderedJSON(parsing: Array(bytes[8..<8 + length]), file: fixture)
    dataStart = 8 + length
  }

  /// The bytes of a tensor; nil when there is none of that name.
  package func data(_ name: String) -> [UInt8]? {
    guard let offsets = header[name]?["data_offsets"]?.arrayValue, let begin = offsets.first?.intValue,
      let end = offsets.last?.intValue
    else { return nil }
    return Array(bytes[dataStart + Int(begin)..<dataStart + Int(end)])
  }

  /// The extents of a tensor, outermost first.
  package func shape(_ name: String) -> [Int]? {
    header[name]?["shape"]?.arrayValue?.compactMap { $0.intValue.map { Int($0) } }
  }

  /// The floats of an F32 tensor.
  package func floats(_ name: String) -> [Float]? { values(name, as: Float.self) }

  /// The integers of an I32 tensor.
  package func integers(_ name: String) -> [Int32]? { values(name, as: Int32.self) }

  private func values<T: BitwiseCopyable>(_ name: String, as: T.Type) -> [T]? {
    data(name).map { bytes in
      bytes.withUnsafeBytes { raw in
        (0..<raw.count / MemoryLayout<T>.size).map {
          raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self)
        }
      }
    }
  }
}
