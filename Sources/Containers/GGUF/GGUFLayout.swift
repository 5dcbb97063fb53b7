import Quants
import Base

/// Where everything of a GGUF will lie, computed before a byte is written.
package struct GGUFLayout: Sendable {
  /// One file.
  package struct Part: Sendable {
    /// Which tensors it holds.
    package let tensors: Range<Int>
    /// All bytes before the first tensor, padding included.
    package let header: [UInt8]
    /// The file's length.
    package let bytes: UInt64
  }

  /// The files; one unless a split size asks for more.
  package let parts: [Part]
  /// The tensors in order.
  package let tensors: [TensorDescription]
  /// The stored bytes of each tensor, without padding.
  package let byteCounts: [Int]
  /// Zero bytes after each tensor.
  let paddings: [Int]

  /// The bytes of all files together.
  package var totalBytes: UInt64 { parts.reduce(0) { $0 + $1.bytes } }

  /// Lays out a GGUF.
  ///
  /// - Parameters:
  ///   - metadata: all pairs; `split.*` among them are replaced by what is true of the output.
  ///   - tensors: the tensors in the order of the file.
  ///   - splitSize: the most bytes of one file; `nil` for a single file. A tensor larger than that gets a file of its own.
  ///   - version: 2 or 3.
  /// - Throws: `malformed` or `unsupported` when GGUF cannot hold what is asked.
  package init(
    metadata: Metadata, tensors: [TensorDescription], splitSize: UInt64? = nil, version: UInt32 = 3
  ) throws(CheckpointError) {
    var plain = metadata
    plain.removeAll(prefix: "split.")
    let alignment = try GGUFFormat.alignment(of: plain)
    let byteCounts = try Self.check(plain, tensors)
    let paddings = byteCounts.map { Self.padding(after: $0, alignment) }
    let header = GGUFHeader(version: version, alignment: alignment)
    let ranges = try Self.divide(tensors, byteCounts, metadata: plain, splitSize: splitSize, header: header)
    var parts: [Part] = []
    for (number, range) in ranges.enumerated() {
      var pairs = number == 0 ? plain : Self.continued(plain)
      if ranges.count > 1 {
        pairs[GGUFFormat.splitNumberKey] = .number(MetadataNumber(UInt16(number)))
        pairs[GGUFFormat.splitCountKey] = .number(MetadataNumber(UInt16(ranges.count)))
        pairs[GGUFFormat.splitTensorsKey] = .number(MetadataNumber(Int32(tensors.count)))
      }
      let size = header.byteCount(pairs, tensors[range])
      guard size <= GGUFFormat.largestHeader, pairs.entries.count <= Int(GGUFFormat.mostPairs) else {
        throw CheckpointError(
          .unsupported,
          "the header would have \(size) bytes and \(pairs.entries.count) metadata pairs; GGUF readers here take at most "
            + "\(GGUFFormat.largestHeader) and \(GGUFFormat.mostPairs)")
      }
      let bytes = header.encode(pairs, tensors[range], byteCounts[range])
      let data = range.reduce(UInt64(0)) { $0 + UInt64(byteCounts[$1]) + UInt64(paddings[$1]) }
      parts.append(Part(tensors: range, header: bytes, bytes: UInt64(bytes.count) + data))
    }
    self.parts = parts
    self.tensors = tensors
    self.byteCounts = byteCounts
    self.paddings = paddings
  }

  /// Lays out one file exactly as it was read.
  package init(copying shard: GGUFShard) throws(CheckpointError) {
    let tensors = shard.tensors.map { TensorDescription(name: $0.name, type: $0.type, shape: $0.shape) }
    let byteCounts = shard.tensors.map(\.byteCount)
    var paddings = byteCounts.map { Self.padding(after: $0, shard.alignment) }
    if let last = paddings.indices.last { paddings[last] = Int(shard.trailingBytes) }
    let header = GGUFHeader(version: shard.version, alignment: shard.alignment)
    var bytes = header.encode(shard.metadata, tensors[...], byteCounts[...])
    // A file without tensors may end unpadded, or with more zeros than padding.
    if tensors.isEmpty {
      bytes = bytes.prefix(Int(shard.dataOffset)) + [UInt8](repeating: 0, count: Int(shard.trailingBytes))
    }
    let data = byteCounts.indices.reduce(UInt64(0)) { $0 + UInt64(byteCounts[$1]) + UInt64(paddings[$1]) }
    parts = [Part(tensors: 0..<tensors.count, header: bytes, bytes: UInt64(bytes.count) + data)]
    self.tensors = tensors
    self.byteCounts = byteCounts
    self.paddings = paddings
  }

  /// What later files of a split repeat: the alignment, which every file needs to be read by itself.
  private static func continued(_ metadata: Metadata) -> Metadata {
    var pairs = Metadata()
    pairs[GGUFFormat.alignmentKey] = metadata[GGUFFormat.alignmentKey]
    return pairs
  }

  private static func padding(after byteCount: Int, _ alignment: UInt64) -> Int {
    let rest = UInt64(byteCount) & (alignment - 1)
    return rest == 0 ? 0 : Int(alignment - rest)
  }

  /// Holds metadata and tensors against what a reader will accept.
  ///
  /// - Returns: the stored bytes of each tensor.
  private static func check(
    _ metadata: Metadata, _ tensors: [TensorDescription]
  ) throws(CheckpointError) -> [Int] {
    try check(metadata)
    guard tensors.count <= Int(GGUFFormat.mostTensors) else {
      throw CheckpointError(
        .unsupported,
        "\(tensors.count) tensors cannot be written to GGUF; at most \(GGUFFormat.mostTensors) are allowed")
    }
    var budget = MemoryBudget()
    try budget.take(metadata.entries.reduce(0) { $0 + GGUFMemory.cost($1.key, $1.value) })
    try budget.take(tensors.reduce(0) { $0 + GGUFMemory.tensor + $1.name.utf8.count })
    var seen: Set<BinaryString> = []
    var counts: [Int] = []
    for tensor in tensors {
      do throws(CheckpointError) {
        guard seen.insert(BinaryString(tensor.name)).inserted else {
          throw CheckpointError(.malformed, "two tensors of the output have this name")
        }
        counts.append(try check(tensor))
      } catch {
        throw error.in(tensor: tensor.name)
      }
    }
    return counts
  }

  /// Holds keys and values against the reader's rules.
  private static func check(_ metadata: Metadata) throws(CheckpointError) {
    var seen: Set<BinaryString> = []
    for (key, value) in metadata.entries {
      guard !key.isEmpty, key.utf8.count <= Int(GGUFFormat.longestKey) else {
        throw CheckpointError(.malformed, "a metadata key of \(key.utf8.count) bytes cannot be written to GGUF")
      }
      guard seen.insert(BinaryString(key)).inserted else {
        throw CheckpointError(.malformed, "the metadata key \(key) would be written twice")
      }
      if case .array(let array) = value, !isShallow(array, depth: 1) {
        throw CheckpointError(
          .unsupported, "metadata \(key) nests arrays more than \(GGUFFormat.deepestNesting) deep")
      }
    }
  }

  private static func isShallow(_ array: MetadataArray, depth: Int) -> Bool {
    guard depth <= GGUFFormat.deepestNesting else { return false }
    guard case .array(let inner) = array else { return true }
    return inner.allSatisfy { isShallow($0, depth: depth + 1) }
  }

  private static func check(_ tensor: TensorDescription) throws(CheckpointError) -> Int {
    guard !tensor.name.isEmpty, tensor.name.utf8.count <= GGUFFormat.longestWrittenName else {
      throw CheckpointError(
        .unsupported,
        "the name has \(tensor.name.utf8.count) bytes; GGUF readers take 1 to \(GGUFFormat.longestWrittenName)")
    }
    guard tensor.type.ggufID != nil else {
      throw CheckpointError(.unsupported, "GGUF has no type for \(tensor.type.name)")
    }
    guard tensor.shape.rank <= Int(GGUFFormat.mostDimensions), tensor.shape.elementCount > 0 else {
      throw CheckpointError(
        .unsupported, "shape \(tensor.shape) cannot be written to GGUF, which takes up to 4 dimensions and none of 0")
    }
    return try tensor.type.byteCount(shape: tensor.shape)
  }

  /// Deals tensors out to files in order; a new file begins when the next tensor would pass the limit.
  private static func divide(
    _ tensors: [TensorDescription], _ byteCounts: [Int], metadata: Metadata, splitSize: UInt64?, header: GGUFHeader
  ) throws(CheckpointError) -> [Range<Int>] {
    guard let splitSize, !tensors.isEmpty else { return [0..<tensors.count] }
    // Room for the three split.* pairs and for the padding of the header.
    let extra = UInt64(128) + header.alignment
    let firstHeader = header.byteCount(metadata, []) + extra
    let otherHeader = header.byteCount(continued(metadata), []) + extra
    var ranges: [Range<Int>] = []
    var start = 0
    var size = firstHeader
    for index in tensors.indices {
      let item =
        header.descriptionBytes(tensors[index]) + UInt64(byteCounts[index])
        + UInt64(padding(after: byteCounts[index], header.alignment))
      if index > start, size + item > splitSize {
        ranges.append(start..<index)
        start = index
        size = otherHeader
      }
      size += item
    }
    ranges.append(start..<tensors.count)
    guard ranges.count <= Int(UInt16.max) else {
      throw CheckpointError(
        .unsupported, "a split size of \(splitSize) bytes makes \(ranges.count) files; at most 65535 can be")
    }
    return ranges
  }
}

/// Encodes the header of one GGUF file.
struct GGUFHeader {
  let version: UInt32
  let alignment: UInt64

  /// Magic, counts, pairs and tensor descriptions, padded to where data begins.
  func encode(
    _ metadata: Metadata, _ tensors: ArraySlice<TensorDescription>, _ byteCounts: ArraySlice<Int>
  ) -> [UInt8] {
    var encoder = GGUFEncoder(capacity: Int(byteCount(metadata, tensors)))
    encoder.appendMagic()
    encoder.append(version)
    encoder.append(UInt64(tensors.count))
    encoder.append(UInt64(metadata.entries.count))
    for (key, value) in metadata.entries { encoder.append(key: key, value) }
    var offset: UInt64 = 0
    for (tensor, byteCount) in zip(tensors, byteCounts) {
      encoder.append(tensor.name)
      encoder.append(UInt32(tensor.shape.rank))
      for dimension in tensor.shape.dimensions.reversed() { encoder.append(UInt64(dimension)) }
      encoder.append(tensor.type.ggufID ?? .max)
      encoder.append(offset)
      offset = (offset + UInt64(byteCount) + alignment - 1) & ~(alignment - 1)
    }
    let end = UInt64(encoder.bytes.count)
    encoder.pad(to: Int((end + alignment - 1) & ~(alignment - 1)))
    return encoder.bytes
  }

  /// The length of what `encode` gives.
  func byteCount(_ metadata: Metadata, _ tensors: ArraySlice<TensorDescription>) -> UInt64 {
    let pairs = metadata.entries.reduce(UInt64(0)) { $0 + GGUFEncoder.byteCount($1.key, $1.value) }
    let end = tensors.reduce(UInt64(GGUFFormat.preambleBytes) + pairs) { $0 + descriptionBytes($1) }
    return (end + alignment - 1) & ~(alignment - 1)
  }

  /// The bytes of one tensor's description.
  func descriptionBytes(_ tensor: TensorDescription) -> UInt64 {
    UInt64(8 + tensor.name.utf8.count + 4 + 8 * tensor.shape.rank + 4 + 8)
  }
}
