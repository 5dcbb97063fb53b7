import Containers
import Foundation
import Quants
import Base
import TestSupport
import Testing

/// Headers made to fill the memory: refused or served, always below the bound of the product.
@Suite(.serialized, .enabled(if: !Work.isSanitized, "a sanitizer's own memory is most of the program's"))
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

  private static let repeats = 1 << 15

  private static func repeated(_ unit: [UInt8], _ count: Int) -> [UInt8] {
    Array(repeatElement(unit, count: count).joined())
  }

  /// A GGUF without tensors, of one pair whose value is an array of `unit`, repeated as often as fits.
  private func array(_ folder: TemporaryFolder, elements: Int, unit: [UInt8]) throws -> String {
    let count = Self.most / unit.count
    let file = try PiecewiseFile(folder.file("array.gguf"))
    try file.append(Array("GGUF".utf8) + Self.u32(3) + Self.u64(0) + Self.u64(1) + Self.text("a") + Self.u32(9))
    try file.append(Self.u32(elements) + Self.u64(count))
    for _ in 0..<count / Self.repeats { try file.append(Self.repeated(unit, Self.repeats)) }
    try file.append(Self.repeated(unit, count % Self.repeats))
    return try file.finish()
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
    let file = try PiecewiseFile(folder.file("tensors.gguf"))
    try file.append(Array("GGUF".utf8) + Self.u32(3) + Self.u64(count) + Self.u64(0))
    for index in 0..<count {
      let name = "tensor_with_a_long_name_" + String(10_000_000 + index) + ".weight_of_this"
      try file.append(Self.text(name) + Self.u32(1) + Self.u64(1) + Self.u32(0) + Self.u64(index * 32))
    }
    try file.append([UInt8](repeating: 0, count: -file.count & 31))
    for _ in 0..<count { try file.append([UInt8](repeating: 0, count: 32)) }
    return try file.finish()
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

  /// A list of about so many bytes, behind eight bytes of length unless it stands alone.
  private func list(
    _ path: String, _ open: String, _ unit: String, _ close: String, bytes: Int, hasLength: Bool
  ) throws -> String {
    let file = try PiecewiseFile(path)
    if hasLength { try file.append(Self.u64(0)) }
    try file.append(Array(open.utf8))
    let piece = Self.repeated(Array((unit + ",").utf8), Self.repeats)
    for _ in 0..<bytes / piece.count { try file.append(piece) }
    try file.append(Array((unit + close).utf8))
    if hasLength { try file.set(Self.u64(file.count - 8)) }
    return try file.finish()
  }

  @Test(arguments: [
    #"{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa":0}"#, "[[[[[0]]]]]", #""aaaaaaaaaaaaaaaa""#, "{}",
  ])
  func `JSON as long as a header may be`(unit: String) throws {
    let folder = try TemporaryFolder()
    let header = try list(folder.file("model.safetensors"), #"{"w":["#, unit, "]}", bytes: 99_000_000, hasLength: true)
    try measure(["show", "--json", header], [2])
    // The same as a tokenizer.
    let tokenizer = try list(folder.file("tokenizer.json"), #"{"w":["#, unit, "]}", bytes: 99_000_000, hasLength: false)
    try measure(["tokenize", tokenizer, "--text", "a"], [2])
  }

  @Test(arguments: [(200_000, Int32(0)), (900_000, 2)])
  func `safetensors of very many tensors`(count: Int, status: Int32) throws {
    let folder = try TemporaryFolder()
    let file = try PiecewiseFile(folder.file("model.safetensors"))
    try file.append(Self.u64(0) + Array("{".utf8))
    for index in 0..<count {
      let range = "[\(index),\(index + 1)]" + (index + 1 < count ? "}," : "}}")
      let name = "layers.\(index).experts.weight_of_it"
      try file.append(Array((#""\#(name)":{"dtype":"U8","shape":[1,1],"data_offsets":"# + range).utf8))
    }
    try file.set(Self.u64(file.count - 8))
    try file.append([UInt8](repeating: 0, count: count))
    let path = try file.finish()
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
    let text = #"{"a":["# + String(repeating: "0,", count: 12_000_000) + "0]}"
    let path = try model(folder) { $0["quern.huggingface." + name] = .string(text) }
    try measure(["convert", path, "--to", "safetensors", "--output", folder.file("out")], [2])
  }

  @Test func `a vocabulary far larger than any`() throws {
    let folder = try TemporaryFolder()
    let path = try model(folder) { metadata in
      var tokens = TextList()
      for id in 0..<4_000_000 { tokens.append(String(id, radix: 36)) }
      metadata["tokenizer.ggml.tokens"] = .array(.string(tokens))
      metadata["tokenizer.ggml.token_type"] = .list([UInt8](repeating: 1, count: tokens.count))
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
      $0["tokenizer.ggml.token_type"] = .list([UInt8](repeating: 1, count: 40 << 20))
      $0["qwen35.rope.dimension_sections"] = .list([UInt8](repeating: 0, count: 20 << 20))
    }
    let run = try CommandLineRun(measuring: ["tokenize", path, "--text", "a"])
    #expect(run.status == 2 && run.errors.contains("token_type has 41943040 entries"), "\(run.errors)")
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
      metadata["tokenizer.ggml.token_type"] = .list([Int32](repeating: 1, count: words.count))
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

/// A file written in pieces: the test stays small while the file is large.
private final class PiecewiseFile {
  private let path: String
  private let handle: FileHandle
  private var pending: [UInt8] = []
  /// Bytes appended so far.
  private(set) var count = 0

  init(_ path: String) throws {
    self.path = path
    _ = FileManager.default.createFile(atPath: path, contents: nil)
    handle = try FileHandle(forWritingTo: URL(filePath: path))
  }

  func append(_ bytes: [UInt8]) throws {
    pending += bytes
    count += bytes.count
    if pending.count > 1 << 20 { try flush() }
  }

  /// Replaces the first bytes.
  func set(_ bytes: [UInt8]) throws {
    try flush()
    try handle.seek(toOffset: 0)
    try handle.write(contentsOf: Data(bytes))
    try handle.seekToEnd()
  }

  func finish() throws -> String {
    try flush()
    try handle.close()
    return path
  }

  private func flush() throws {
    try handle.write(contentsOf: Data(pending))
    pending.removeAll(keepingCapacity: true)
  }
}
