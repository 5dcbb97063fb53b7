import Quants
import Base

/// Reads and validates one safetensors file: its header, and that the tensors cover the rest exactly.
///
/// The rules it enforces are numbered in `formats/safetensors.md`.
enum SafetensorsReader {
  /// The longest header, as the format's own library limits it.
  static let largestHeader: UInt64 = 100_000_000
  /// The most dimensions of a tensor.
  static let mostDimensions = 16

  /// What one file holds.
  struct Contents {
    /// The `__metadata__` texts in order.
    var metadata = Metadata()
    /// The tensors, ordered by their bytes.
    var tensors: [TensorEntry] = []
  }

  /// Whether bytes begin like a safetensors file: eight bytes of length and an opening brace.
  static func matches(_ start: [UInt8]) -> Bool {
    start.count > 8 && start[8] == UInt8(ascii: "{")
  }

  /// Whether the length before the brace can be one: the upper four bytes of what is allowed are zero.
  static func hasLength(_ start: [UInt8]) -> Bool { matches(start) && start[4..<8].allSatisfy { $0 == 0 } }

  /// Opens, reads and validates a file by its path, be it in a folder or of an index.
  ///
  /// - Throws: also what the file is, where it is something else.
  static func open(_ path: String, budget: MemoryBudget = MemoryBudget()) throws(CheckpointError) -> Contents {
    try UnfinishedDownload.refuse(path)
    let file = try InputFile(path: path)
    if try !hasLength(file.readBytes(at: 0, count: Int(min(file.size, 9)))) {
      try ForeignContent.refuse(in: file, where: .weights)
    }
    return try read(file, budget: budget)
  }

  /// What is kept of a tensor when the header is gone.
  static let tensorCost = 256

  /// Reads and validates a file.
  ///
  /// `budget` bounds what the parsed header may take.
  static func read(
    _ file: InputFile, budget: MemoryBudget = MemoryBudget()
  ) throws(CheckpointError) -> Contents {
    do throws(CheckpointError) {
      let headerLength = try readLength(file)
      let dataOffset = 8 + UInt64(headerLength)
      let header = try parse(try file.readBytes(at: 8, count: headerLength), file: file, budget: budget)
      var contents = Contents()
      for (name, value) in header.entries {
        if name == "__metadata__" {
          contents.metadata = try readMetadata(value)
        } else {
          contents.tensors.append(try readTensor(name, value, file: file, dataOffset: dataOffset))
        }
      }
      contents.tensors.sort { ($0.offset, $0.byteCount) < ($1.offset, $1.byteCount) }
      try checkCover(contents.tensors, from: dataOffset, file: file)
      return contents
    } catch {
      throw error.in(file: file.path)
    }
  }

  private static func readLength(_ file: InputFile) throws(CheckpointError) -> Int {
    guard file.size >= 8 else {
      throw CheckpointError(.malformed, "the file ends inside the header's length: 8 bytes wanted, \(file.size) there")
    }
    let length = try file.readBytes(at: 0, count: 8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= largestHeader else {
      throw CheckpointError(
        .malformed, "the header claims \(length) bytes; at most \(largestHeader) are allowed", offset: 0)
    }
    guard length <= file.size - 8 else {
      throw CheckpointError(
        .malformed,
        "the header claims \(length) bytes, past the end of the file (\(file.size) bytes): \(UnfinishedDownload.words)",
        offset: 0)
    }
    guard length >= 2 else { throw CheckpointError(.malformed, "the header is empty", offset: 0) }
    return Int(length)
  }

  private static func parse(
    _ bytes: [UInt8], file: InputFile, budget: MemoryBudget
  ) throws(CheckpointError) -> OrderedObject {
    var budget = budget
    guard bytes.first == UInt8(ascii: "{") else {
      throw CheckpointError(.malformed, "the header has to begin with {", offset: 8)
    }
    guard case .object(let object) = try JSONDocument.parse(bytes, file: file.path, at: 8, budget: &budget) else {
      throw CheckpointError(.malformed, "the header has to be a JSON object", offset: 8)
    }
    return object
  }

  private static func readMetadata(_ value: OrderedJSON) throws(CheckpointError) -> Metadata {
    guard case .object(let object) = value else {
      throw CheckpointError(.malformed, "__metadata__ has to be an object of texts", offset: 8)
    }
    var entries: [(key: String, value: MetadataValue)] = []
    for (key, value) in object.entries {
      guard case .string(let text) = value else {
        throw CheckpointError(.malformed, "__metadata__ may hold texts only; \(key) is none", offset: 8)
      }
      entries.append((key, .string(text)))
    }
    return Metadata(entries)
  }

  private static func readTensor(
    _ name: String, _ value: OrderedJSON, file: InputFile, dataOffset: UInt64
  ) throws(CheckpointError) -> TensorEntry {
    do throws(CheckpointError) {
      guard case .object(let object) = value else {
        throw CheckpointError(.malformed, "its description has to be an object")
      }
      for key in object.keys where key != "dtype" && key != "shape" && key != "data_offsets" {
        throw CheckpointError(.malformed, "its description has the unknown field \(key)")
      }
      let type = try readType(object["dtype"])
      let shape = try readShape(object["shape"])
      let (begin, end) = try readOffsets(object["data_offsets"])
      let (bytes, overflow) = UInt64(shape.elementCount).multipliedReportingOverflow(by: UInt64(type.blockBytes))
      guard !overflow else { throw CheckpointError(.malformed, "the size of shape \(shape) overflows") }
      guard bytes == end - begin else {
        throw CheckpointError(
          .malformed, "\(type.name) of shape \(shape) needs \(bytes) bytes; its data_offsets span \(end - begin)")
      }
      guard end <= file.size - dataOffset else {
        throw CheckpointError(
          .malformed,
          "its data_offsets [\(begin), \(end)] pass the end of the file (\(file.size - dataOffset) data bytes): "
            + UnfinishedDownload.words)
      }
      return TensorEntry(
        name: name, type: type, shape: shape, file: file, offset: dataOffset + begin, byteCount: Int(bytes))
    } catch {
      throw error.in(tensor: name)
    }
  }

  private static func readType(_ value: OrderedJSON?) throws(CheckpointError) -> TensorType {
    guard case .string(let text)? = value else { throw CheckpointError(.malformed, "dtype is missing or no text") }
    guard let element = ElementType(rawValue: text), let type = TensorType(elementType: element) else {
      throw CheckpointError(.unsupported, "dtype \(text) is unknown")
    }
    return type
  }

  private static func readShape(_ value: OrderedJSON?) throws(CheckpointError) -> Shape {
    guard case .array(let items)? = value else { throw CheckpointError(.malformed, "shape is missing or no array") }
    guard items.count <= mostDimensions else {
      throw CheckpointError(.malformed, "shape has \(items.count) dimensions; at most \(mostDimensions) are allowed")
    }
    var dimensions: [UInt64] = []
    for item in items {
      guard let number = unsigned(item) else {
        throw CheckpointError(.malformed, "shape may hold non-negative integers only")
      }
      dimensions.append(number)
    }
    return try Shape(checking: dimensions)
  }

  private static func readOffsets(_ value: OrderedJSON?) throws(CheckpointError) -> (begin: UInt64, end: UInt64) {
    guard case .array(let items)? = value, items.count == 2, let begin = unsigned(items[0]),
      let end = unsigned(items[1])
    else { throw CheckpointError(.malformed, "data_offsets has to be two non-negative integers") }
    guard begin <= end else {
      throw CheckpointError(.malformed, "data_offsets begin after they end: [\(begin), \(end)]")
    }
    return (begin, end)
  }

  private static func unsigned(_ value: OrderedJSON) -> UInt64? {
    switch value {
    case .integer(let number): UInt64(exactly: number)
    case .unsigned(let number): number
    default: nil
    }
  }

  /// Holds the sorted tensors against the data section: they cover it from its first byte to the file's last.
  private static func checkCover(
    _ tensors: [TensorEntry], from dataOffset: UInt64, file: InputFile
  ) throws(CheckpointError) {
    var expected = dataOffset
    for tensor in tensors {
      guard tensor.offset >= expected else {
        throw CheckpointError(
          .malformed, "its data overlaps the tensor before it", tensor: tensor.name, offset: tensor.offset)
      }
      guard tensor.offset == expected else {
        throw CheckpointError(
          .malformed, "its data follows a hole of \(tensor.offset - expected) bytes", tensor: tensor.name,
          offset: expected)
      }
      expected += UInt64(tensor.byteCount)
    }
    guard expected == file.size else {
      throw CheckpointError(
        .malformed, "\(file.size - expected) bytes follow the last tensor and belong to nothing", offset: expected)
    }
  }
}
