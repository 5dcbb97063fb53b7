import Containers
import Quants
import Base
import TestSupport
import Testing

/// llama.cpp's importance files, both forms.
@Suite struct ImportanceTests {
  private let golden = Fixtures.path("golden/tiny-qwen3.5/imatrix.gguf")

  @Test func `what llama-imatrix wrote is written again to the byte`() throws {
    let folder = try TemporaryFolder()
    let matrix = try ImportanceMatrix(path: golden)
    #expect(matrix.entries.count == 62 && matrix.chunkCount == 60 && matrix.chunkSize == 256)
    #expect(matrix.datasets == ["calibration.txt"])
    try matrix.write(to: folder.file("again.gguf"))
    #expect(try FileSystem.read(folder.file("again.gguf")) == FileSystem.read(golden))
    #expect(try ImportanceMatrix(path: folder.file("again.gguf")) == matrix)
  }

  @Test func `an expert that saw nothing counts alike`() {
    let entry = ImportanceMatrix.Entry(name: "x", sums: [2, 4, 6, 8, 0, 5], counts: [2, 0, 0.4])
    #expect(entry.weights == [1, 2, 1, 1, 1, 1])
    #expect(entry.isUsable)
    for bad in [Float.nan, .infinity, -1] {
      #expect(!ImportanceMatrix.Entry(name: "x", sums: [1, bad], counts: [1]).isUsable)
      #expect(!ImportanceMatrix.Entry(name: "x", sums: [1, 1], counts: [bad]).isUsable)
    }
  }

  @Test func `experts keep their shape`() throws {
    let folder = try TemporaryFolder()
    let matrix = ImportanceMatrix(
      entries: [.init(name: "blk.0.ffn_up_exps.weight", sums: [1, 2, 3, 4, 5, 6], counts: [1, 0])],
      datasets: ["a", "b"], chunkCount: 1, chunkSize: 512)
    try matrix.write(to: folder.file("m.gguf"))
    let tensors = try Containers.open(folder.file("m.gguf")).tensors
    #expect(tensors.map(\.shape.dimensions) == [[2, 3], [2, 1]])
    #expect(try ImportanceMatrix(path: folder.file("m.gguf")) == matrix)
  }

  @Test func `the legacy form holds means, rounded counts and one dataset`() throws {
    let folder = try TemporaryFolder()
    let matrix = try ImportanceMatrix(path: golden)
    try matrix.writeLegacy(to: folder.file("m.dat"))
    let legacy = try ImportanceMatrix(path: folder.file("m.dat"))
    #expect(legacy.chunkCount == 60 && legacy.chunkSize == nil && legacy.datasets == matrix.datasets)
    #expect(legacy.entries.map(\.name) == matrix.entries.map(\.name))
    for (a, b) in zip(legacy.entries, matrix.entries) {
      #expect(a.counts == [60])
      for (x, y) in zip(a.weights, b.weights) { #expect(abs(x - y) <= y * 2e-7) }
    }
  }

  // MARK: hostile input

  private static func number(_ value: Int32) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
  private static func entry(_ name: String, calls: Int32 = 1, values: [Float]) -> [UInt8] {
    number(Int32(name.utf8.count)) + Array(name.utf8) + number(calls) + number(Int32(values.count))
      + values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
  }

  static let good: [UInt8] =
    number(2) + entry("a.weight", calls: 4, values: [4, 8]) + entry("b.weight", values: [1]) + number(3) + number(1)
    + Array("t".utf8)

  private static func refusal(_ bytes: [UInt8]) throws -> String {
    let folder = try TemporaryFolder()
    let writer = try AtomicWriter(path: folder.file("m.dat"))
    try writer.write(bytes)
    try writer.finish()
    let error = #expect(throws: CheckpointError.self) { try ImportanceMatrix(path: folder.file("m.dat")) }
    #expect(error?.code == .malformed && error?.file != nil)
    return error?.message ?? ""
  }

  @Test func `legacy files end where they end`() throws {
    let folder = try TemporaryFolder()
    // Whole, without a dataset, without anything after the entries.
    for (length, chunks) in [(Self.good.count, 3), (Self.good.count - 5, 3), (Self.good.count - 9, nil)] {
      let writer = try AtomicWriter(path: folder.file("m.dat"), overwrite: true)
      try writer.write(Array(Self.good[..<length]))
      try writer.finish()
      let matrix = try ImportanceMatrix(path: folder.file("m.dat"))
      #expect(matrix["a.weight"]?.weights == [1, 2] && matrix.chunkCount == chunks.map { UInt32($0) })
    }
    for length in 0..<Self.good.count where ![Self.good.count - 5, Self.good.count - 9].contains(length) {
      #expect(try Self.refusal(Array(Self.good[..<length])).isEmpty == false)
    }
  }

  static let legacyExhibits: [([UInt8], String)] = [
    (number(0), "the number of entries is 0"), (number(-1), "the number of entries is -1"),
    (number(.max) + [0], "entries are claimed, more than the file could hold"),
    (number(1) + number(-4) + [UInt8](repeating: 0, count: 40), "the name of entry 0 is -4"),
    (number(1) + number(.max) + [UInt8](repeating: 65, count: 40), "the file ends inside the name of entry 0"),
    (
      number(1) + number(1) + [65] + number(1) + number(.max) + [0, 0, 0, 0],
      "entry 0 claims 2147483647 values, more than"
    ),
    (number(1) + number(1) + [65] + number(1) + number(0) + [0, 0, 0, 0], "the values of entry 0 is 0"),
    (number(1) + number(1) + [0xFF] + number(1) + number(1) + [0, 0, 0, 0], "is not valid UTF-8"),
    (number(2) + entry("a", values: [1]) + entry("a", values: [1]), "the entry a occurs twice"),
    (good + [0], "1 bytes follow the dataset"),
  ]

  @Test(arguments: legacyExhibits)
  func `hostile legacy files are refused`(bytes: [UInt8], words: String) throws {
    let message = try Self.refusal(bytes)
    #expect(message.contains(words), "\(message)")
  }

  private static let keys: [(key: String, value: MetadataValue)] = [
    ("imatrix.datasets", .array(.string([]))), ("imatrix.chunk_count", .uint32(1)), ("imatrix.chunk_size", .uint32(8)),
  ]

  static let ggufExhibits: [(Int, [(String, String, [Int])], String)] = [
    (0, [("a.in_sum2", "F32", [2]), ("a.counts", "F32", [1])], "it needs imatrix.datasets"),
    (3, [], "it has no entries"), (3, [("a.in_sum2", "F32", [2])], "there is no a.counts to it"),
    (3, [("a.counts", "F32", [1])], "there is no a.in_sum2 to it"),
    (3, [("a.in_sum2", "F16", [2]), ("a.counts", "F32", [1])], "have to be F32, this is F16"),
    (3, [("a.in_sum2", "F32", [5]), ("a.counts", "F32", [2, 1])], "5 sums cannot be divided among 2 counts"),
    (3, [(".in_sum2", "F32", [2]), (".counts", "F32", [1])], "it names no tensor"),
  ]

  @Test(arguments: ggufExhibits)
  func `GGUF files that are not importance are refused`(
    keys: Int, tensors: [(String, String, [Int])], words: String
  ) throws {
    let message = try Self.refusal(keys, tensors)
    #expect(message.contains(words), "\(message)")
  }

  private static func refusal(_ keys: Int, _ tensors: [(String, String, [Int])]) throws -> String {
    let folder = try TemporaryFolder()
    let writer = try GGUFWriter(
      path: folder.file("m.gguf"), metadata: Metadata(Array(Self.keys.prefix(keys))),
      tensors: try tensors.map { name, type, shape in
        TensorDescription(name: name, type: try #require(TensorType(name: type)), shape: Shape(shape))
      })
    for (index, size) in writer.layout.byteCounts.enumerated() {
      try writer.beginTensor(index)
      try [UInt8](repeating: 0, count: size).withUnsafeBytes { try writer.write($0) }
      try writer.endTensor()
    }
    _ = try writer.finish()
    let error = #expect(throws: CheckpointError.self) { try ImportanceMatrix(path: folder.file("m.gguf")) }
    return error?.message ?? ""
  }

  @Test func `every error that the page quotes is raised`() throws {
    var sentences = try Self.legacyExhibits.map { try Self.refusal($0.0) }
    sentences += try Self.ggufExhibits.map { try Self.refusal($0.0, $0.1) }
    // Rules of use have their tests where they are used.
    let text = String(decoding: try Fixtures.bytes("../formats/imatrix.md"), as: UTF8.self)
    let start = try #require(text.firstRange(of: "## Rules")).upperBound
    let end = try #require(text.firstRange(of: "Rules of use")).lowerBound
    let pieces = text[start..<end].split(separator: "`", omittingEmptySubsequences: false).enumerated()
    let quotes = pieces.filter { $0.offset % 2 == 1 && $0.element.contains(" ") }.map { String($0.element) }
    #expect(quotes.count > 12)
    for quote in quotes {
      let parts = quote.split(separator: "…").map { String($0) }
      #expect(sentences.contains { sentence in parts.allSatisfy { sentence.contains($0) } }, "no file says \(quote)")
    }
  }

  /// `QUERN_FUZZ=200000` runs the long form.
  @Test func `damaged files are read or refused`() throws {
    let folder = try TemporaryFolder()
    var mutator = Mutator(seed: 11)
    for good in [Self.good, try FileSystem.read(golden)] {
      for _ in 0..<Mutator.count / 20 {
        let writer = try AtomicWriter(path: folder.file("m"), overwrite: true)
        try writer.write(mutator.mutate(good))
        try writer.finish()
        do {
          for entry in try ImportanceMatrix(path: folder.file("m")).entries where entry.isUsable { _ = entry.weights }
        } catch {
          #expect(error.code != .fault && !error.message.isEmpty)
        }
      }
    }
  }
}
