import Containers
import Foundation
import Quants
import Tensors
import TestSupport
import Testing

/// Headers made to fill the memory: refused or served, always below the bound of the product.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct MemoryTests {
  private static let bound = 600 << 20
  /// As much as a GGUF header may have, but for the rest of the header.
  private static let most = 127 << 20

  private func measure(_ arguments: [String], _ expected: Set<Int32>) throws {
    let run = try CommandLineRun(measuring: arguments)
    let name = arguments.map { $0.hasPrefix("/") ? URL(filePath: $0).lastPathComponent : $0 }.joined(separator: " ")
    print("\(name): exit \(run.status), \(run.peakBytes >> 20) MiB \(run.errors.prefix(200))")
    #expect(expected.contains(run.status), "\(name): exit \(run.status): \(run.errors)")
    #expect(run.peakBytes < Self.bound, "\(name): \(run.peakBytes >> 20) MiB")
    let isBounded = ["memory", "sensible for its kind", "at most"].contains { run.errors.contains($0) }
    if run.status == 2 { #expect(isBounded, "\(name): \(run.errors)") }
  }

  // MARK: GGUF headers

  private static func u32(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
  private static func u64(_ value: Int) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
  private static func text(_ text: String) -> [UInt8] { u64(text.utf8.count) + Array(text.utf8) }

  /// A unit so many times, doubled rather than appended one by one.
  private static func repeated(_ unit: [UInt8], _ count: Int) -> [UInt8] {
    var bytes = unit
    bytes.reserveCapacity(unit.count * count)
    while bytes.count < unit.count * count { bytes += Array(bytes.prefix(unit.count * count - bytes.count)) }
    return bytes
  }

  /// A GGUF without tensors, of one pair whose value is an array of `unit`, repeated as often as fits.
  private func array(_ folder: TemporaryFolder, elements: Int, unit: [UInt8]) throws -> String {
    let count = Self.most / unit.count
    var bytes = Array("GGUF".utf8) + Self.u32(3) + Self.u64(0) + Self.u64(1) + Self.text("a") + Self.u32(9)
    bytes += Self.u32(elements) + Self.u64(count)
    bytes += Self.repeated(unit, count)
    let path = folder.file("array.gguf")
    try Data(bytes).write(to: URL(filePath: path))
    return path
  }

  @Test(arguments: [
    ("bytes", 0, [1]), ("texts", 8, u64(0)), ("short texts", 8, text("a")),
    ("arrays", 9, u32(0) + u64(1) + [1]), ("arrays of texts", 9, u32(8) + u64(1) + u64(0)),
    ("deep arrays", 9, Array(repeatElement(u32(9) + u64(1), count: 14).joined()) + u32(0) + u64(1) + [1]),
  ])
  func `an array as long as a header may be`(name: String, elements: Int, unit: [UInt8]) throws {
    let folder = try TemporaryFolder()
    let path = try array(folder, elements: elements, unit: unit)
    try measure(["show", "--json", path], [0, 2])
    try measure(["convert", path, "--output", folder.file("out.gguf")], [0, 2])
    try measure(["convert", path, "--split-size", "1G", "--output", folder.file("other.gguf")], [0, 2])
  }

  /// A GGUF of so many tensors of one number each.
  private func tensors(_ folder: TemporaryFolder, count: Int) throws -> String {
    var bytes = Array("GGUF".utf8) + Self.u32(3) + Self.u64(count) + Self.u64(0)
    bytes.reserveCapacity(count * 128)
    for index in 0..<count {
      let digits = String(index)
      bytes += Self.text(
        "tensor_with_a_long_name_\(String(repeating: "0", count: 7 - digits.count))\(digits).weight_of_this")
      bytes += Self.u32(1) + Self.u64(1) + Self.u32(0) + Self.u64(index * 32)
    }
    bytes += [UInt8](repeating: 0, count: -bytes.count & 31)
    bytes += [UInt8](repeating: 0, count: count * 32)
    let path = folder.file("tensors.gguf")
    try Data(bytes).write(to: URL(filePath: path))
    return path
  }

  @Test(arguments: [(180_000, Int32(0)), (1 << 20, 2)])
  func `as many tensors as a header may have`(count: Int, status: Int32) throws {
    let folder = try TemporaryFolder()
    let path = try tensors(folder, count: count)
    try measure(["show", "--json", path], [status])
    try measure(["show", "--tensors", path], [status])
    try measure(["convert", path, "--type", "f16", "--output", folder.file("out.gguf")], [status])
  }

  // MARK: safetensors headers and documents

  private func safetensors(_ folder: TemporaryFolder, _ header: [UInt8], data: Int = 0) throws -> String {
    let path = folder.file("model.safetensors")
    try Data(Self.u64(header.count) + header + [UInt8](repeating: 0, count: data)).write(to: URL(filePath: path))
    return path
  }

  private static func list(_ open: String, _ unit: String, _ close: String, bytes: Int) -> [UInt8] {
    let unit = Array((unit + ",").utf8)
    return Array(open.utf8) + repeated(unit, bytes / unit.count).dropLast() + Array(close.utf8)
  }

  @Test(arguments: [
    #"{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa":0}"#, "[[[[[0]]]]]", #""aaaaaaaaaaaaaaaa""#, "{}",
  ])
  func `JSON as long as a header may be`(unit: String) throws {
    let folder = try TemporaryFolder()
    let header = Self.list(#"{"w":["#, unit, "]}", bytes: 99_000_000)
    try measure(["show", "--json", try safetensors(folder, header)], [2])
    // The same as a tokenizer, and as an index.
    try Data(header).write(to: URL(filePath: folder.file("tokenizer.json")))
    try measure(["tokenize", folder.file("tokenizer.json"), "--text", "a"], [2])
  }

  @Test(arguments: [(200_000, Int32(0)), (900_000, 2)])
  func `safetensors of very many tensors`(count: Int, status: Int32) throws {
    let folder = try TemporaryFolder()
    var header = Array("{".utf8)
    header.reserveCapacity(count * 110)
    for index in 0..<count {
      header += Array(
        #""layers.\#(index).experts.weight_of_it":{"dtype":"U8","shape":[1,1],"data_offsets":[\#(index),\#(index + 1)]},"#
          .utf8)
    }
    header[header.count - 1] = UInt8(ascii: "}")
    let path = try safetensors(folder, header, data: count)
    try measure(["show", "--json", path], [status])
  }

  // MARK: Tokenizers

  /// The tiny model's GGUF with some pairs replaced.
  private func model(_ folder: TemporaryFolder, _ change: (inout Metadata) -> Void) throws -> String {
    let whole = folder.file("whole.gguf")
    let run = try CommandLineRun([
      "convert", Fixtures.path("tiny-qwen3.5"), "--no-vision", "--type", "bf16", "--output", whole, "--quiet",
    ])
    try #require(run.status == 0, "\(run.errors)")
    let source = try Containers.open(whole)
    var metadata = source.metadata
    change(&metadata)
    let writer = try GGUFWriter(
      path: folder.file("model.gguf"), metadata: metadata,
      tensors: source.tensors.map { TensorDescription(name: $0.name, type: $0.type, shape: $0.shape) })
    for (index, tensor) in source.tensors.enumerated() { try writer.copyTensor(index, from: tensor) }
    _ = try writer.finish()
    return folder.file("model.gguf")
  }

  @Test(arguments: ["tokenizer", "tokenizer_config", "config"])
  func `a carried document of very many values`(name: String) throws {
    let folder = try TemporaryFolder()
    let text = String(decoding: Self.list(#"{"a":["#, "0", "]}", bytes: 100_000_000), as: UTF8.self)
    let path = try model(folder) { $0["quern.huggingface." + name] = .string(text) }
    try measure(["convert", path, "--to", "safetensors", "--output", folder.file("out")], [2])
  }

  @Test func `a vocabulary far larger than any`() throws {
    let folder = try TemporaryFolder()
    let path = try model(folder) { metadata in
      var tokens = TextList()
      for id in 0..<4_000_000 { tokens.append(String(id, radix: 36)) }
      metadata["tokenizer.ggml.tokens"] = .array(.string(tokens))
      metadata["tokenizer.ggml.token_type"] = .array(.uint8([UInt8](repeating: 1, count: tokens.count)))
      metadata["tokenizer.ggml.merges"] = .array(.string([]))
      metadata["quern.huggingface.tokenizer"] = nil
    }
    try measure(["show", "--json", path], [0])
    try measure(["tokenize", path, "--text", "a"], [0, 2])
    try measure(["convert", path, "--to", "safetensors", "--output", folder.file("out")], [0, 2])
  }

  @Test func `more token types than tokens`() throws {
    let folder = try TemporaryFolder()
    let path = try model(folder) {
      $0["tokenizer.ggml.token_type"] = .array(.uint8([UInt8](repeating: 1, count: 100 << 20)))
      $0["qwen35.rope.dimension_sections"] = .array(.uint8([UInt8](repeating: 0, count: 20 << 20)))
    }
    let run = try CommandLineRun(measuring: ["tokenize", path, "--text", "a"])
    #expect(run.status == 2 && run.errors.contains("token_type has 104857600 entries"), "\(run.errors)")
    #expect(run.peakBytes < Self.bound)
    let restored = try CommandLineRun(measuring: [
      "convert", path, "--to", "safetensors", "--output", folder.file("out"),
    ])
    #expect(restored.status == 2 && restored.peakBytes < Self.bound, "\(restored.errors)")
  }

  /// The size of Qwen3.5's: 248,000 words and 247,000 merges, in twenty megabytes.
  @Test func `a vocabulary as large as the largest opens, shows and converts`() throws {
    let folder = try TemporaryFolder()
    let letters = (0..<26).map { String(UnicodeScalar(UInt8(97 + $0))) }
    let pairs = Array(letters.flatMap { a in letters.map { a + $0 } }.prefix(497))
    var words = letters + pairs
    var merges = TextList()
    for a in pairs {
      for b in pairs {
        words.append(a + b)
        merges.append(a + " " + b)
      }
    }
    let path = try model(folder) { metadata in
      metadata["tokenizer.ggml.tokens"] = .array(.string(TextList(words)))
      metadata["tokenizer.ggml.token_type"] = .array(.int32([Int32](repeating: 1, count: words.count)))
      metadata["tokenizer.ggml.merges"] = .array(.string(merges))
      for key in ["eos", "padding", "bos"] { metadata["tokenizer.ggml.\(key)_token_id"] = nil }
      metadata.removeAll(prefix: "quern.huggingface.")
    }
    for arguments in [
      ["show", path], ["show", "--json", path],
      ["convert", path, "--type", "f16", "--output", folder.file("out.gguf")],
      ["tokenize", path, "--text", "abab"], ["convert", path, "--to", "safetensors", "--output", folder.file("back")],
      ["tokenize", folder.file("back/tokenizer.json"), "--text", "abab"],
    ] { try measure(arguments, [0]) }
  }
}
