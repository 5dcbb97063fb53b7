import Containers
import Quants
import Base
import TestSupport
import Testing

@Suite struct GGUFTests {
  /// Every metadata type, nested arrays, empty arrays of each kind, odd texts.
  static let everything: Metadata = {
    var data = Metadata()
    data["general.architecture"] = .string("qwen35")
    data["a.u8"] = .number(.init(255 as UInt8))
    data["a.i8"] = .number(.init(-128 as Int8))
    data["a.u16"] = .number(.init(65_535 as UInt16))
    data["a.i16"] = .number(.init(-32_768 as Int16))
    data["a.u32"] = .uint32(.max)
    data["a.i32"] = .int32(.min)
    data["a.f32"] = .float32(Float(bitPattern: 0x7FC0_1234))
    data["a.bool"] = .bool(true)
    data["a.string"] = .string("caf\u{65}\u{301} \u{0} 漢字")
    data["a.u64"] = .number(.init(.max as UInt64))
    data["a.i64"] = .number(.init(.min as Int64))
    data["a.f64"] = .number(.init(-0.0 as Double))
    data["l.u8"] = .list([0, 1, 255] as [UInt8])
    data["l.i8"] = .list([-1, 1] as [Int8])
    data["l.u16"] = .list([1, 2, 3] as [UInt16])
    data["l.i16"] = .list([-5] as [Int16])
    data["l.u32"] = .list([7, 8] as [UInt32])
    data["l.i32"] = .list([-7, 8] as [Int32])
    data["l.f32"] = .list([1.5, -.infinity] as [Float])
    data["l.bool"] = .list([true, false, true] as [Bool])
    data["l.string"] = .array(.string(["", "é", "e\u{301}"]))
    data["l.u64"] = .list([1 << 63] as [UInt64])
    data["l.i64"] = .list([-1] as [Int64])
    data["l.f64"] = .list([0.1] as [Double])
    data["l.empty"] = .array(.string([]))
    data["l.nested"] = .array(
      .array([
        .numbers(.init([1, 2] as [Int32])), .string(["x"]), .array([.numbers(.init([] as [Bool])), .array([])]),
      ]))
    return data
  }()

  static let tensors = [
    TensorDescription(name: "token_embd.weight", type: .q8_0, shape: Shape([3, 64])),
    TensorDescription(name: "norm.weight", type: .f32, shape: Shape([5])),
    TensorDescription(name: "scalar", type: .f16, shape: Shape([])),
    TensorDescription(name: "blk.0.conv", type: .bf16, shape: Shape([2, 3, 4, 5])),
  ]

  static func write(
    _ path: String, metadata: Metadata = everything, splitSize: UInt64? = nil, version: UInt32 = 3,
    checksums: Bool = false
  ) throws -> [WrittenFile] {
    let writer = try GGUFWriter(
      path: path, metadata: metadata, tensors: tensors, splitSize: splitSize, checksums: checksums, version: version)
    for (index, tensor) in tensors.enumerated() {
      let count = try tensor.type.byteCount(shape: tensor.shape)
      // Bytes below 0x7C: no half-precision scale is infinite.
      let bytes = (0..<count).map { UInt8(($0 * 7 + index) % 0x70) }
      try bytes.withUnsafeBytes { try writer.writeTensor(index, $0) }
    }
    return try writer.finish()
  }

  @Test(arguments: [UInt32(2), 3], [nil, UInt32(1), 64, 4096])
  func `Reading and writing again gives the same bytes`(version: UInt32, alignment: UInt32?) throws {
    let folder = try TemporaryFolder()
    var metadata = Self.everything
    if let alignment { metadata["general.alignment"] = .uint32(alignment) }
    let written = try Self.write(folder.file("a.gguf"), metadata: metadata, version: version)
    let checkpoint = try Containers.open(folder.file("a.gguf"))
    #expect(checkpoint.format == .gguf)
    #expect(checkpoint.version == version)
    #expect(checkpoint.metadata == metadata)
    #expect(checkpoint.tensors.map(\.name) == Self.tensors.map(\.name))
    #expect(checkpoint.tensors.map(\.shape) == Self.tensors.map(\.shape))
    #expect(checkpoint.tensors.map(\.type) == Self.tensors.map(\.type))
    let shard = try #require(checkpoint.gguf?.shards.first)
    let again = try writeUnchanged(shard, to: folder.file("b.gguf"))
    #expect(again.bytes == written[0].bytes)
    #expect(try bytes(folder.file("a.gguf")) == bytes(folder.file("b.gguf")))
  }

  @Test func `A split file opens by any part and its parts can be written again`() throws {
    let folder = try TemporaryFolder()
    let files = try Self.write(folder.file("a.gguf"), splitSize: 400, checksums: true)
    #expect(files.count > 1)
    #expect(files[0].path.hasSuffix("a-00001-of-0000\(files.count).gguf"))
    var names: [[String]] = []
    for file in files {
      let checkpoint = try Containers.open(file.path)
      names.append(checkpoint.tensors.map(\.name))
      #expect(checkpoint.metadata == Self.everything)
      for (index, shard) in (checkpoint.gguf?.shards ?? []).enumerated() {
        let path = folder.file("copy-\(index)")
        let copy = try writeUnchanged(shard, to: path, overwrite: true, checksums: true)
        #expect(copy.sha256 == files[index].sha256)
      }
    }
    #expect(names.allSatisfy { $0 == Self.tensors.map(\.name) })
    #expect(folder.contents.allSatisfy { !$0.hasPrefix(".") })
  }

  @Test(arguments: [UInt16(0), 1])
  func `A merged file that still counts its parts is a single file`(count: UInt16) throws {
    let folder = try TemporaryFolder()
    var metadata = Metadata()
    metadata["split.no"] = .number(.init(0 as UInt16))
    metadata["split.count"] = .number(.init(count as UInt16))
    let layout = try GGUFLayout(metadata: Metadata(), tensors: [])
    let file = try AtomicWriter(path: folder.file("a.gguf"))
    // Magic, version and no tensors as they are; two pairs follow.
    var header = Array(layout.parts[0].header.prefix(24))
    header[16] = 2
    for key in metadata.keys { header += Self.pair(key, key == "split.count" ? count : 0) }
    try file.write(header)
    try file.finish()
    let checkpoint = try Containers.open(folder.file("a.gguf"))
    #expect(checkpoint.gguf?.shards.first?.metadata == metadata)
    #expect(checkpoint.metadata.keys.isEmpty)
  }

  private static func pair(_ key: String, _ value: UInt16) -> [UInt8] {
    [UInt8(key.utf8.count), 0, 0, 0, 0, 0, 0, 0] + Array(key.utf8) + [2, 0, 0, 0, UInt8(value), 0]
  }

  @Test func `The first bytes are those of the specification`() throws {
    let folder = try TemporaryFolder()
    var metadata = Metadata()
    metadata["k"] = .bool(true)
    let writer = try GGUFWriter(
      path: folder.file("a.gguf"), metadata: metadata,
      tensors: [TensorDescription(name: "w", type: .f32, shape: Shape([1, 2]))])
    let weights: [Float] = [1, -2]
    try weights.withUnsafeBytes { try writer.writeTensor(0, $0) }
    _ = try writer.finish()
    var expected: [UInt8] = Array("GGUF".utf8) + [3, 0, 0, 0]
    expected += [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    expected += [1, 0, 0, 0, 0, 0, 0, 0, UInt8(ascii: "k"), 7, 0, 0, 0, 1]
    expected += [1, 0, 0, 0, 0, 0, 0, 0, UInt8(ascii: "w"), 2, 0, 0, 0]
    expected += [2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    expected += [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    expected += [UInt8](repeating: 0, count: 96 - expected.count)
    expected += [0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0] + [UInt8](repeating: 0, count: 24)
    #expect(try bytes(folder.file("a.gguf")) == expected)
  }

  @Test func `The planned size is the written size`() throws {
    let folder = try TemporaryFolder()
    let layout = try GGUFLayout(metadata: Self.everything, tensors: Self.tensors, splitSize: 400)
    let files = try Self.write(folder.file("a.gguf"), splitSize: 400)
    #expect(files.map(\.bytes) == layout.parts.map(\.bytes))
    for file in files { #expect(try bytes(file.path).count == Int(file.bytes)) }
  }

  @Test func `Nothing has a name before all parts are complete`() throws {
    let folder = try TemporaryFolder()
    let writer = try GGUFWriter(
      path: folder.file("a.gguf"), metadata: Self.everything, tensors: Self.tensors, splitSize: 400)
    let zeros = [UInt8](repeating: 0, count: 204)
    try zeros.withUnsafeBytes { try writer.writeTensor(0, $0) }
    #expect(throws: CheckpointError.self) { _ = try writer.finish() }
    writer.abandon()
    #expect(folder.contents.filter { !$0.hasPrefix(".") }.isEmpty)
  }

  @Test(arguments: [
    ("F8_E4M3", [4], "GGUF has no type for F8_E4M3"),
    ("F32", [1, 1, 1, 1, 1], "up to 4 dimensions"),
    ("F32", [0], "none of 0"),
    ("Q8_0", [2, 33], "Q8_0 needs rows of 32 weights, this row has 33"),
  ])
  func `The layout refuses what no reader would take`(type: String, shape: [Int], words: String) throws {
    let type = try #require(TensorType(name: type))
    let error = #expect(throws: CheckpointError.self) {
      _ = try GGUFLayout(
        metadata: Metadata(), tensors: [TensorDescription(name: "w", type: type, shape: Shape(shape))])
    }
    #expect(error?.description.contains(words) == true)
    #expect(error?.tensor == "w")
  }

  /// Whatever is written can be read again: the layout holds to the reader's own limits.
  @Test func `The layout refuses metadata that the reader would refuse`() throws {
    var deep = MetadataArray.numbers(MetadataNumbers([1] as [UInt8]))
    for _ in 0..<16 { deep = .array([deep]) }
    // Shared, so that the test itself stays small.
    let long = MetadataValue.list([UInt8](repeating: 0, count: 34 << 20))
    let nested = MetadataValue.array(
      .array(Array(repeating: .numbers(MetadataNumbers([] as [Bool])), count: 30_000)))
    let cases: [(Metadata, String)] = [
      (Metadata([("k", .bool(true)), ("k", .bool(false))]), "the metadata key k would be written twice"),
      (Metadata([("k", .array(deep))]), "nests arrays more than 16 deep"),
      (Metadata((0...65_536).map { ("k\($0)", .bool(true)) }), "65537 metadata pairs"),
      (Metadata((0..<4).map { ("k\($0)", long) }), "take at most 134217728"),
      (Metadata((0..<100).map { ("k\($0)", nested) }), "MiB of memory"),
    ]
    for (metadata, words) in cases {
      let error = #expect(throws: CheckpointError.self) { _ = try GGUFLayout(metadata: metadata, tensors: []) }
      #expect(error?.message.contains(words) == true, "\(error?.description ?? "")")
      #expect(error?.isOfInput == true)
    }
    let many = (0..<200_000).map { TensorDescription(name: "w\($0)", type: .f32, shape: Shape([1])) }
    #expect(throws: CheckpointError.self) { _ = try GGUFLayout(metadata: Metadata(), tensors: many) }
  }

  private func bytes(_ path: String) throws -> [UInt8] { try FileSystem.read(path) }
}
