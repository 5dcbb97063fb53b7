import Base

/// The reference's encoded and decoded rows, read from `fixtures/golden/blocks.safetensors`.
///
/// Parsed here by hand rather than by `Containers`, so that the codecs' tests do not stand on the code above them.
package struct GoldenBlocks: Sendable {
  private let header: OrderedJSON
  private let bytes: [UInt8]
  private let dataStart: Int

  /// Reads the fixture.
  package init() throws {
    bytes = try Fixtures.bytes("golden/blocks.safetensors")
    let length = bytes.withUnsafeBytes { Int(UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self))) }
    header = try OrderedJSON(parsing: Array(bytes[8..<8 + length]), file: "blocks.safetensors")
    dataStart = 8 + length
  }

  /// The bytes of a tensor; nil when there is none of that name.
  package func data(_ name: String) -> [UInt8]? {
    guard let offsets = header[name]?["data_offsets"]?.arrayValue, let begin = offsets.first?.intValue,
      let end = offsets.last?.intValue
    else { return nil }
    return Array(bytes[dataStart + begin..<dataStart + end])
  }

  /// The floats of a tensor; nil when there is none of that name.
  package func floats(_ name: String) -> [Float]? {
    data(name).map { bytes in
      bytes.withUnsafeBytes { raw in
        (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
      }
    }
  }
}
