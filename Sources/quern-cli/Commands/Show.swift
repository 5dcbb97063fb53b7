import Architectures
import ArgumentParser
import Containers
import Quants
import Base

/// `quern show`: what a file says of itself, from its headers alone.
struct Show: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a model file holds; reads nothing but headers.")

  @Argument(help: "A Hugging Face folder, .safetensors, index, .gguf, or owner/name.")
  var path: String

  @Flag(help: "List every tensor with its type, shape, offset, bytes and bits per weight.")
  var tensors = false

  @OptionGroup var common: CommonOptions

  func run() throws {
    let checkpoint = try Containers.open(path)
    if common.json {
      try printDocument(checkpoint)
    } else {
      printLine(summary(checkpoint))
      if tensors { printLine("\n\(tensorTable(checkpoint))") }
    }
  }

  /// Prints the document while it is made: as JSON values a header would take many times its bytes.
  private func printDocument(_ checkpoint: Checkpoint) throws(CheckpointError) {
    var stream = JSONStream { emit(json: $0) }
    try stream.object { (stream) throws(CheckpointError) in
      stream.member("format", .string(checkpoint.format.rawValue))
      stream.member("version", checkpoint.version.map { .integer(Int64($0)) } ?? .null)
      stream.key("metadata")
      try stream.object { (stream) throws(CheckpointError) in
        for (key, value) in checkpoint.metadata.entries {
          stream.key(key)
          try write(value, to: &stream)
        }
      }
      stream.key("tensors")
      try stream.array { (stream) throws(CheckpointError) in
        for tensor in checkpoint.tensors {
          stream.element()
          stream.value(document(tensor))
        }
      }
      stream.member("parameters", jsonCount(checkpoint.parameterCount))
      stream.member("bytes", jsonCount(checkpoint.totalBytes))
      stream.member("bits_per_weight", .number(bitsPerWeight(checkpoint.totalBytes, checkpoint.parameterCount)))
    }
    stream.finish()
  }

  private func document(_ tensor: TensorEntry) -> OrderedJSON {
    jsonObject([
      ("name", .string(tensor.name)), ("type", .string(tensor.type.name)),
      ("shape", .array(tensor.shape.dimensions.map { .integer(Int64($0)) })),
      ("offset", jsonCount(tensor.offset)), ("bytes", .integer(Int64(tensor.byteCount))),
      ("bits_per_weight", .number(bitsPerWeight(UInt64(tensor.byteCount), UInt64(tensor.shape.elementCount)))),
    ])
  }

  private func summary(_ checkpoint: Checkpoint) -> TerminalText {
    var lines: [TerminalText] = [
      "\(checkpoint.path): \(checkpoint.format.rawValue)\(checkpoint.version.map { " version \($0)" } ?? "")",
      "\(checkpoint.tensors.count) tensors, \(grouped(checkpoint.parameterCount)) parameters, "
        + "\(byteSize(checkpoint.totalBytes)), "
        + "\(fixed(bitsPerWeight(checkpoint.totalBytes, checkpoint.parameterCount), 3)) bits per weight",
      "\(typeSummary(checkpoint))",
    ]
    if let scheme = checkpoint.packedScheme {
      let isRead = Architectures.family(of: checkpoint)?.unpacks.contains(scheme) == true
      lines.append("weights packed by \(scheme)\(isRead ? "" : ", which quern cannot unpack yet")")
    }
    if let adapter = checkpoint.adapterDescription { lines.append("note: \(adapter)") }
    if let folder = checkpoint.folder, let type = folder.config?["model_type"]?.stringValue {
      lines.append("model type \(type)")
      if let encoder = folder.config?["vision_config"]?["model_type"]?.stringValue {
        lines.append("vision encoder \(encoder)")
      }
    }
    if let remark = HeadTying.remark(on: checkpoint) { lines.append("note: \(remark)") }
    if !checkpoint.metadata.entries.isEmpty {
      lines.append("")
      lines += checkpoint.metadata.entries.map {
        "\($0.key, first: 200) = \(text($0.value, limit: $0.key == "quern.recipe" ? 10_000 : 100))"
      }
    }
    return lines.joined(separator: "\n")
  }

  /// How many tensors and bytes each type has, in order of appearance.
  private func typeSummary(_ checkpoint: Checkpoint) -> String {
    var order: [String] = []
    var counts: [String: (tensors: Int, bytes: UInt64)] = [:]
    for tensor in checkpoint.tensors {
      if counts[tensor.type.name] == nil { order.append(tensor.type.name) }
      let known = counts[tensor.type.name] ?? (0, 0)
      counts[tensor.type.name] = (known.tensors + 1, known.bytes &+ UInt64(tensor.byteCount))
    }
    return order.map { name in
      let count = counts[name] ?? (0, 0)
      return "\(name): \(count.tensors) tensors, \(byteSize(count.bytes))"
    }.joined(separator: "; ")
  }

  private func tensorTable(_ checkpoint: Checkpoint) -> TerminalText {
    var table = Table([
      ("tensor", .left), ("type", .left), ("shape", .left), ("offset", .right), ("bytes", .right),
      ("bits/weight", .right),
    ])
    for tensor in checkpoint.tensors {
      table.add([
        tensor.name, tensor.type.name, tensor.shape.description, String(tensor.offset),
        String(tensor.byteCount),
        fixed(bitsPerWeight(UInt64(tensor.byteCount), UInt64(tensor.shape.elementCount)), 3),
      ])
    }
    return table.text
  }
}

/// A count as JSON, exact over the whole range.
func jsonCount(_ count: UInt64) -> OrderedJSON {
  Int64(exactly: count).map { .integer($0) } ?? .unsigned(count)
}

/// Bits a weight takes on average; 0 for nothing.
func bitsPerWeight(_ bytes: UInt64, _ weights: UInt64) -> Double {
  weights == 0 ? 0 : Double(bytes) * 8 / Double(weights)
}

/// Writes a metadata value as JSON.
private func write(_ value: MetadataValue, to stream: inout JSONStream) throws(CheckpointError) {
  guard case .array(let array) = value else { return stream.value(json(value)) }
  if let numbers = array.numbers, numbers.type.isInteger {
    guard numbers.type == .uint64 else { return stream.list(numbers.lazy.map { Int64(bitPattern: $0.bits) }) }
    return stream.list(numbers.lazy.map(\.bits))
  }
  try stream.array { (stream) throws(CheckpointError) in
    for index in 0..<array.count {
      stream.element()
      try write(array[index], to: &stream)
    }
  }
}

/// A metadata value that is not an array as JSON.
private func json(_ value: MetadataValue) -> OrderedJSON {
  switch value {
  case .string(let text): .string(text)
  case .bytes(let bytes): .string(bytes.withUnsafeBytes { textWithBytesShown($0) })
  case .number(let number): json(number)
  case .array: .null
  }
}

private func json(_ number: MetadataNumber) -> OrderedJSON {
  if let flag = number.value(as: Bool.self) { return .bool(flag) }
  // The shortest digits that name this float: 1e-06 rather than 9.999999974752427e-07.
  if let value = number.value(as: Float.self) { return .number(Double(value.description) ?? Double(value)) }
  if let value = number.real { return .number(value) }
  return number.signedInteger.map { .integer($0) } ?? jsonCount(number.bits)
}

/// A metadata value as a short text: long arrays and texts are cut.
private func text(_ value: MetadataValue, limit: Int = 100) -> TerminalText {
  switch value {
  case .string(let text): return "\"\(text, first: limit)\""
  case .bytes(let bytes):
    return "\"\(bytes.prefix(limit + 1).withUnsafeBytes { textWithBytesShown($0) }, first: limit)\""
  case .array(let array):
    let shown = (0..<min(array.count, 6)).map { text(array[$0]) }.joined(separator: ", ")
    return array.count > 6 ? "[\(shown), … \(array.count) in all]" : "[\(shown)]"
  default: return "\(String(decoding: json(value).serialized(), as: UTF8.self))"
  }
}
