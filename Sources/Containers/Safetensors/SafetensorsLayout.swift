import Quants
import Base

/// Where everything of a safetensors checkpoint will lie, computed before a byte is written.
package struct SafetensorsLayout: Sendable {
  /// One file.
  package struct Part: Sendable {
    /// Which tensors it holds.
    package let tensors: Range<Int>
    /// Length, JSON and padding: all bytes before the first tensor.
    package let header: [UInt8]
    /// The file's length.
    package let bytes: UInt64
  }

  /// The files; one unless a shard size asks for more.
  package let parts: [Part]
  /// The tensors in order.
  package let tensors: [TensorDescription]
  /// The stored bytes of each tensor.
  package let byteCounts: [Int]

  /// The bytes of all files together.
  package var totalBytes: UInt64 { parts.reduce(0) { $0 + $1.bytes } }

  /// Lays out a checkpoint.
  ///
  /// - Parameters:
  ///   - metadata: texts for `__metadata__`; readers of PyTorch models expect `format` `pt`.
  ///   - tensors: the tensors in the order of the files.
  ///   - shardSize: the most tensor bytes of one file; `nil` for a single file.
  /// - Throws: `unsupported` for block types, which safetensors has no names for.
  package init(
    metadata: [(key: String, value: String)] = [("format", "pt")], tensors: [TensorDescription],
    shardSize: UInt64? = nil
  ) throws(CheckpointError) {
    self.tensors = tensors
    byteCounts = try Self.check(tensors)
    var parts: [Part] = []
    for range in Self.divide(byteCounts, shardSize) {
      let header = Self.header(metadata, tensors[range], byteCounts[range])
      guard UInt64(header.count) <= SafetensorsReader.largestHeader else {
        throw CheckpointError(.unsupported, "the header would have \(header.count) bytes, more than readers accept")
      }
      let data = byteCounts[range].reduce(UInt64(0)) { $0 + UInt64($1) }
      parts.append(Part(tensors: range, header: header, bytes: UInt64(header.count) + data))
    }
    self.parts = parts
  }

  private static func check(_ tensors: [TensorDescription]) throws(CheckpointError) -> [Int] {
    var seen: Set<BinaryString> = []
    var counts: [Int] = []
    for tensor in tensors {
      guard tensor.name != "__metadata__", seen.insert(BinaryString(tensor.name)).inserted else {
        throw CheckpointError(.malformed, "two tensors of the output have this name", tensor: tensor.name)
      }
      guard tensor.type.elementType != nil else {
        throw CheckpointError(
          .unsupported, "safetensors has no type for \(tensor.type.name); decode it to F32, F16 or BF16",
          tensor: tensor.name)
      }
      do throws(CheckpointError) {
        counts.append(try tensor.type.byteCount(shape: tensor.shape))
      } catch {
        throw error.in(tensor: tensor.name)
      }
    }
    return counts
  }

  private static func divide(_ byteCounts: [Int], _ shardSize: UInt64?) -> [Range<Int>] {
    guard let shardSize, !byteCounts.isEmpty else { return [0..<byteCounts.count] }
    var ranges: [Range<Int>] = []
    var start = 0
    var size: UInt64 = 0
    for (index, count) in byteCounts.enumerated() {
      if index > start, size + UInt64(count) > shardSize {
        ranges.append(start..<index)
        start = index
        size = 0
      }
      size += UInt64(count)
    }
    ranges.append(start..<byteCounts.count)
    return ranges
  }

  /// Length, JSON, and spaces until the data begins on a multiple of eight.
  private static func header(
    _ metadata: [(key: String, value: String)], _ tensors: ArraySlice<TensorDescription>, _ byteCounts: ArraySlice<Int>
  ) -> [UInt8] {
    var object = OrderedObject()
    if !metadata.isEmpty {
      var texts = OrderedObject()
      for (key, value) in metadata { texts[key] = .string(value) }
      object["__metadata__"] = .object(texts)
    }
    var offset: Int64 = 0
    for (tensor, byteCount) in zip(tensors, byteCounts) {
      let end = offset + Int64(byteCount)
      object[tensor.name] = .object([
        "dtype": .string(tensor.type.elementType?.rawValue ?? ""),
        "shape": .array(tensor.shape.dimensions.map { .integer(Int64($0)) }),
        "data_offsets": .array([.integer(offset), .integer(end)]),
      ])
      offset = end
    }
    var json = OrderedJSON.object(object).serialized()
    while json.count % 8 != 0 { json.append(UInt8(ascii: " ")) }
    let length = UInt64(json.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * UInt64($0))) } + json
  }
}
