import Quants
import Base

/// Reads and validates one GGUF file: header, pairs, tensor descriptions, and that the data fills the rest.
///
/// The rules it enforces are numbered in `formats/gguf.md`.
struct GGUFReader {
  /// Room made ahead of reading; more grows as elements really arrive.
  private static let mostReserved = 1 << 12

  private var reader: ByteReader
  private let file: InputFile
  private var budget: MemoryBudget

  /// Opens a file as one shard, whatever its `split.*` keys say.
  static func read(_ file: InputFile) throws(CheckpointError) -> GGUFShard {
    var budget = MemoryBudget()
    return try read(file, budget: &budget)
  }

  /// Opens a file as one shard; what it keeps in memory is taken from the budget.
  static func read(_ file: InputFile, budget: inout MemoryBudget) throws(CheckpointError) -> GGUFShard {
    let headerLimit = Int(min(file.size, GGUFFormat.largestHeader))
    do throws(CheckpointError) {
      let shard = try file.withBytes(at: 0, count: headerLimit) { (bytes) throws(CheckpointError) in
        var parser = GGUFReader(reader: ByteReader(bytes, file: file.path), file: file, budget: budget)
        let shard = try parser.parse()
        budget = parser.budget
        return shard
      }
      file.release(at: 0, count: headerLimit)
      try checkPadding(of: shard, in: file)
      return shard
    } catch {
      throw error.in(file: file.path)
    }
  }

  private mutating func parse() throws(CheckpointError) -> GGUFShard {
    let magic = try reader.bytes(4, "the magic")
    guard magic == GGUFFormat.magic else {
      try ForeignContent.refuse(in: file, where: .weights)
      throw reader.failure("the file does not begin with GGUF")
    }
    let version = try readVersion()
    let tensorCount = try readCount("tensors", smallest: GGUFFormat.smallestTensor, most: GGUFFormat.mostTensors)
    let pairCount = try readCount("metadata pairs", smallest: GGUFFormat.smallestPair, most: GGUFFormat.mostPairs)
    let metadata = try readMetadata(pairCount)
    let alignment = try GGUFFormat.alignment(of: metadata)
    let descriptions = try readDescriptions(tensorCount)
    let headerEnd = reader.offset
    guard let dataOffset = GGUFFormat.aligned(headerEnd, to: alignment) else {
      throw reader.failure("the header's end overflows")
    }
    let (tensors, dataEnd) = try place(descriptions, from: dataOffset, alignment: alignment)
    if tensors.isEmpty, file.size < dataOffset {
      // Files without tensors (a vocabulary, say) may end with the header, unpadded.
      guard file.size == headerEnd else { throw reader.failure("the file ends inside the padding after the header") }
      return GGUFShard(
        path: file.path, metadata: metadata, tensors: [], version: version, alignment: alignment, dataOffset: headerEnd,
        trailingBytes: 0)
    }
    let padding = try reader.bytes(Int(dataOffset - headerEnd), "the padding after the header")
    guard padding.allSatisfy({ $0 == 0 }) else {
      throw CheckpointError(.malformed, "padding after the header has to be zero", offset: headerEnd)
    }
    let trailing = file.size - dataEnd
    guard trailing < GGUFFormat.mostTrailing else { throw Self.trailing(trailing, at: dataEnd) }
    return GGUFShard(
      path: file.path, metadata: metadata, tensors: tensors, version: version, alignment: alignment,
      dataOffset: dataOffset, trailingBytes: trailing)
  }

  /// What ends where the reader ends.
  private var limit: String {
    file.size <= GGUFFormat.largestHeader ? "the file" : "the \(GGUFFormat.largestHeader) bytes a header may have"
  }

  private mutating func readVersion() throws(CheckpointError) -> UInt32 {
    let at = reader.offset
    let version = try reader.u32("the version")
    switch version {
    case 2, 3: return version
    case 1:
      throw CheckpointError(
        .unsupported, "GGUF version 1 (32-bit lengths, 2023) is not read; convert the original model again", offset: at)
    case _ where version != 0 && version & 0xFFFF == 0:
      throw CheckpointError(
        .unsupported, "this is a big-endian GGUF (version \(version.byteSwapped)); only little-endian files are read",
        offset: at)
    default:
      throw CheckpointError(.unsupported, "GGUF version \(version) is unknown; versions 2 and 3 are read", offset: at)
    }
  }

  /// Reads a count and holds it against the bytes that are left, so that nothing is allocated on its word alone.
  private mutating func readCount(
    _ what: String, smallest: Int, most: UInt64
  ) throws(CheckpointError) -> Int {
    let at = reader.offset
    let count = try reader.u64("the number of \(what)")
    guard count <= most else {
      throw CheckpointError(.malformed, "\(count) \(what) are claimed; at most \(most) are allowed", offset: at)
    }
    return try checked(count, what, smallest: smallest, at: at)
  }

  private func checked(
    _ count: UInt64, _ what: String, smallest: Int, at: UInt64
  ) throws(CheckpointError) -> Int {
    guard count <= UInt64(reader.remaining / smallest) else {
      throw CheckpointError(
        .malformed,
        "\(count) \(what) are claimed, more than the \(reader.remaining) bytes that are left of \(limit) can hold: "
          + UnfinishedDownload.words,
        offset: at)
    }
    return Int(count)
  }

  /// Takes memory from the budget for what is about to be kept.
  private mutating func charge(_ bytes: Int) throws(CheckpointError) {
    do throws(CheckpointError) {
      try budget.take(bytes)
    } catch {
      throw reader.failure(error.message)
    }
  }

  /// Reads the length of a text and holds it against the bytes that are left.
  private mutating func readLength(_ what: String, longest: UInt64 = .max) throws(CheckpointError) -> Int {
    let at = reader.offset
    let length = try reader.u64("the length of \(what)")
    guard length <= longest else {
      throw CheckpointError(.malformed, "\(what) has \(length) bytes; at most \(longest) are allowed", offset: at)
    }
    guard length <= UInt64(reader.remaining) else {
      throw CheckpointError(
        .malformed,
        "\(what) claims \(length) bytes, past the end of \(limit) (\(reader.remaining) are left): "
          + UnfinishedDownload.words,
        offset: at)
    }
    return Int(length)
  }

  private mutating func readString(_ what: String, longest: UInt64 = .max) throws(CheckpointError) -> String {
    let length = try readLength(what, longest: longest)
    try charge(length)
    return try reader.string(length, what)
  }

  /// A text of a value, which need not be UTF-8: files that llama.cpp wrote and reads have others.
  private mutating func readText(_ what: String) throws(CheckpointError) -> MetadataValue {
    let length = try readLength(what)
    try charge(length)
    return MetadataValue(text: try reader.view(length, what))
  }

  /// The bytes of so many numbers; the caller has held the count against the bytes that are left.
  private mutating func readNumbers(_ type: MetadataType, _ count: Int, _ what: String) throws(CheckpointError)
    -> MetadataNumbers
  {
    let at = reader.offset
    let bytes = try reader.bytes(count * GGUFFormat.smallestSize(type), what)
    if type == .bool, let bad = bytes.firstIndex(where: { $0 > 1 }) {
      throw CheckpointError(
        .malformed, "\(what) is a bool of \(bytes[bad]); only 0 and 1 are", offset: at + UInt64(bad))
    }
    guard let numbers = MetadataNumbers(type, bytes: bytes) else {
      throw CheckpointError(.fault, "\(what) has no numbers", offset: at)
    }
    return numbers
  }

  private mutating func readType(_ what: String) throws(CheckpointError) -> MetadataType {
    let at = reader.offset
    let id = try reader.u32("the type of \(what)")
    guard let type = MetadataType(rawValue: id) else {
      throw CheckpointError(.malformed, "\(what) has value type \(id), which does not exist (0 to 12 do)", offset: at)
    }
    return type
  }

  // MARK: Metadata

  private mutating func readMetadata(_ count: Int) throws(CheckpointError) -> Metadata {
    var entries: [(key: String, value: MetadataValue)] = []
    entries.reserveCapacity(min(count, Self.mostReserved))
    var seen: Set<BinaryString> = []
    for index in 0..<count {
      try charge(GGUFMemory.pair)
      let at = reader.offset
      let key = try readString("metadata key \(index)", longest: GGUFFormat.longestKey)
      guard !key.isEmpty else { throw CheckpointError(.malformed, "metadata key \(index) is empty", offset: at) }
      guard seen.insert(BinaryString(key)).inserted else {
        throw CheckpointError(.malformed, "the metadata key \(key) occurs twice", offset: at)
      }
      entries.append((key, try readValue("metadata \(key)")))
    }
    return Metadata(entries)
  }

  private mutating func readValue(_ what: String) throws(CheckpointError) -> MetadataValue {
    switch try readType(what) {
    case .string: try readText(what)
    case .array: .array(try readArray(what, depth: 1))
    case let type: .number(try readNumbers(type, 1, what)[0])
    }
  }

  private mutating func readArray(_ what: String, depth: Int) throws(CheckpointError) -> MetadataArray {
    guard depth <= GGUFFormat.deepestNesting else {
      throw reader.failure("\(what) nests arrays more than \(GGUFFormat.deepestNesting) deep")
    }
    let type = try readType("the elements of \(what)")
    let at = reader.offset
    let claimed = try reader.u64("the length of \(what)")
    let count = try checked(claimed, "elements of \(what)", smallest: GGUFFormat.smallestSize(type), at: at)
    switch type {
    case .string:
      var values = TextList()
      let name = "an element of \(what)"
      for _ in 0..<count {
        let length = try readLength(name)
        try charge(GGUFMemory.text + length)
        values.append(utf8: try reader.view(length, name))
      }
      return .string(values)
    case .array:
      var values: [MetadataArray] = []
      values.reserveCapacity(min(count, Self.mostReserved))
      for _ in 0..<count {
        try charge(GGUFMemory.array)
        values.append(try readArray(what, depth: depth + 1))
      }
      return .array(values)
    default:
      try charge(count * GGUFFormat.smallestSize(type))
      return .numbers(try readNumbers(type, count, type == .bool ? "an element of \(what)" : what))
    }
  }

  // MARK: Tensors

  private struct Description {
    let name: String
    let type: TensorType
    let shape: Shape
    let offset: UInt64
    let byteCount: Int
    /// Where the description itself lies, for errors.
    let at: UInt64
  }

  private mutating func readDescriptions(_ count: Int) throws(CheckpointError) -> [Description] {
    var descriptions: [Description] = []
    descriptions.reserveCapacity(min(count, Self.mostReserved))
    var seen: Set<BinaryString> = []
    for index in 0..<count {
      try charge(GGUFMemory.tensor)
      let at = reader.offset
      let name = try readString("the name of tensor \(index)", longest: GGUFFormat.longestName)
      guard !name.isEmpty else { throw CheckpointError(.malformed, "the name of tensor \(index) is empty", offset: at) }
      guard seen.insert(BinaryString(name)).inserted else {
        throw CheckpointError(.malformed, "the name occurs twice", tensor: name, offset: at)
      }
      do throws(CheckpointError) {
        descriptions.append(try readDescription(name, at: at))
      } catch {
        throw error.in(tensor: name)
      }
    }
    return descriptions
  }

  private mutating func readDescription(_ name: String, at: UInt64) throws(CheckpointError) -> Description {
    let rank = try reader.u32("the number of dimensions")
    guard rank <= GGUFFormat.mostDimensions else {
      throw CheckpointError(
        .malformed, "it has \(rank) dimensions; at most \(GGUFFormat.mostDimensions) are allowed", offset: at)
    }
    var dimensions: [UInt64] = []
    for _ in 0..<rank { dimensions.append(try reader.u64("a dimension")) }
    let id = try reader.u32("the type")
    let offset = try reader.u64("the offset")
    do throws(CheckpointError) {
      guard !dimensions.contains(0) else { throw CheckpointError(.malformed, "a dimension is 0") }
      // The file has the innermost dimension first.
      let shape = try Shape(checking: dimensions.reversed())
      let type = try GGUFFormat.tensorType(id)
      let byteCount = try type.byteCount(shape: shape)
      return Description(name: name, type: type, shape: shape, offset: offset, byteCount: byteCount, at: at)
    } catch {
      throw CheckpointError(error.code, error.message, offset: at, cause: error.cause)
    }
  }

  /// Holds each tensor's range against the data section: aligned, in order, no hole, no overlap, inside the file.
  private func place(
    _ descriptions: [Description], from dataOffset: UInt64, alignment: UInt64
  ) throws(CheckpointError) -> (tensors: [TensorEntry], end: UInt64) {
    var entries: [TensorEntry] = []
    entries.reserveCapacity(descriptions.count)
    var expected: UInt64 = 0
    var end = dataOffset
    for item in descriptions {
      func broken(_ rule: String) -> CheckpointError {
        CheckpointError(.malformed, rule, tensor: item.name, offset: item.at)
      }
      guard item.offset & (alignment - 1) == 0 else {
        throw broken("its data offset \(item.offset) is not a multiple of the alignment \(alignment)")
      }
      guard item.offset >= expected else {
        throw broken(
          "its data at offset \(item.offset) overlaps or precedes the tensor before it, which ends at \(expected)")
      }
      guard item.offset == expected else {
        throw broken("its data at offset \(item.offset) leaves a hole: the tensor before it ends at \(expected)")
      }
      let (start, far) = dataOffset.addingReportingOverflow(item.offset)
      guard !far, start <= file.size, UInt64(item.byteCount) <= file.size - start else {
        throw broken(
          "its \(item.byteCount) bytes at data offset \(item.offset) pass the end of the file (\(file.size) bytes): "
            + UnfinishedDownload.words)
      }
      end = start + UInt64(item.byteCount)
      guard let next = GGUFFormat.aligned(item.offset + UInt64(item.byteCount), to: alignment) else {
        throw broken("the end of its data overflows")
      }
      expected = next
      entries.append(
        TensorEntry(
          name: item.name, type: item.type, shape: item.shape, file: file, offset: start, byteCount: item.byteCount))
    }
    return (entries, end)
  }

  /// Refuses padding that is not zero: it could hide data, and writing the file again would lose it.
  private static func checkPadding(of shard: GGUFShard, in file: InputFile) throws(CheckpointError) {
    for (tensor, next) in zip(shard.tensors, shard.tensors.dropFirst()) {
      guard let bad = try firstByte(in: tensor.offset + UInt64(tensor.byteCount)..<next.offset, of: file) else {
        continue
      }
      throw CheckpointError(.malformed, "padding between tensors has to be zero", file: file.path, offset: bad)
    }
    guard let bad = try firstByte(in: shard.dataEnd..<file.size, of: file) else { return }
    guard bad < GGUFFormat.aligned(shard.dataEnd, to: shard.alignment) ?? bad else {
      throw trailing(shard.trailingBytes, at: shard.dataEnd)
    }
    throw CheckpointError(.malformed, "padding between tensors has to be zero", file: file.path, offset: bad)
  }

  private static func trailing(_ count: UInt64, at offset: UInt64) -> CheckpointError {
    CheckpointError(.malformed, "\(count) bytes follow the last tensor and belong to nothing", offset: offset)
  }

  /// Where the first byte of a range lies that is not zero.
  private static func firstByte(in range: Range<UInt64>, of file: InputFile) throws(CheckpointError) -> UInt64? {
    var start = range.lowerBound
    while start < range.upperBound {
      let count = min(range.upperBound - start, 1 << 20)
      let bytes = try file.readBytes(at: start, count: Int(count))
      if let bad = bytes.firstIndex(where: { $0 != 0 }) { return start + UInt64(bad) }
      start += count
    }
    return nil
  }
}
