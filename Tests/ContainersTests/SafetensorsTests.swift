import Containers
import Quants
import Base
import TestSupport
import Testing

@Suite struct SafetensorsTests {
  static let tensors = [
    TensorDescription(name: "model.norm.weight", type: .f32, shape: Shape([2])),
    TensorDescription(name: "model.embed.weight", type: .bf16, shape: Shape([3, 4])),
    TensorDescription(name: "empty", type: .f16, shape: Shape([0, 7])),
    TensorDescription(name: "scalar é \"quoted\" \\ \u{1}", type: .f32, shape: Shape([])),
  ]

  static func write(
    _ path: String, _ tensors: [TensorDescription] = tensors, shardSize: UInt64? = nil
  ) throws -> [WrittenFile] {
    let writer = try SafetensorsWriter(path: path, tensors: tensors, shardSize: shardSize, checksums: true)
    for (index, tensor) in tensors.enumerated() {
      let bytes = (0..<(try tensor.type.byteCount(shape: tensor.shape))).map { UInt8($0 & 0x3F) }
      try bytes.withUnsafeBytes { try writer.writeTensor(index, $0) }
    }
    return try writer.finish()
  }

  @Test func `A single file comes back in order`() throws {
    let folder = try TemporaryFolder()
    let files = try Self.write(folder.file("x"))
    #expect(files.count == 1)
    let checkpoint = try Containers.open(folder.file("x"))
    #expect(checkpoint.format == .safetensors)
    #expect(checkpoint.metadata.string("format") == "pt")
    #expect(checkpoint.tensors.map(\.name) == Self.tensors.map(\.name))
    #expect(checkpoint.tensors.map(\.shape) == Self.tensors.map(\.shape))
    #expect(checkpoint.tensors.map(\.type) == Self.tensors.map(\.type))
    #expect(checkpoint.totalBytes == 36)
    #expect(checkpoint.parameterCount == 15)
    let floats = try checkpoint.tensor("model.norm.weight").readFloats()
    #expect(floats.map(\.bitPattern) == [0x0302_0100, 0x0706_0504])
  }

  @Test func `The bytes are those of the specification`() throws {
    let folder = try TemporaryFolder()
    _ = try Self.write(folder.file("x"), [TensorDescription(name: "w", type: .f32, shape: Shape([1]))])
    var json = #"{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#
    while json.utf8.count % 8 != 0 { json += " " }
    let expected = [UInt8(json.utf8.count), 0, 0, 0, 0, 0, 0, 0] + Array(json.utf8) + [0, 1, 2, 3]
    #expect(try FileSystem.read(folder.file("x")) == expected)
  }

  @Test func `Shards open through their index, by folder and alone`() throws {
    let folder = try TemporaryFolder()
    let files = try Self.write(folder.file("model.safetensors"), shardSize: 10)
    #expect(
      folder.contents == [
        "model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors",
        "model.safetensors.index.json",
      ])
    #expect(files.count == 4)
    let index = try Containers.open(folder.file("model.safetensors.index.json"))
    #expect(index.format == .safetensors)
    #expect(index.tensors.map(\.name) == Self.tensors.map(\.name))
    let whole = try Containers.open(folder.path)
    #expect(whole.format == .huggingFace)
    #expect(whole.tensors.map(\.name) == Self.tensors.map(\.name))
    let lone = try Containers.open(folder.file("model-00002-of-00003.safetensors"))
    #expect(lone.tensors.map(\.name) == ["model.embed.weight"])
  }

  @Test func `Millions of values are refused before they are parsed`() throws {
    let folder = try TemporaryFolder()
    var text = Array(#"{"w":[0"#.utf8)
    for _ in 0...(1 << 22) { text += [UInt8(ascii: ","), UInt8(ascii: "0")] }
    text += Array("]}".utf8)
    let writer = try AtomicWriter(path: folder.file("x"))
    try writer.write((0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) })
    try writer.write(text)
    try writer.finish()
    let error = #expect(throws: CheckpointError.self) { _ = try Containers.open(folder.file("x")) }
    #expect(error?.message == "what the file describes would take more than 192 MiB of memory")
  }

  @Test func `Block types have no name in safetensors`() {
    let error = #expect(throws: CheckpointError.self) {
      _ = try SafetensorsLayout(tensors: [TensorDescription(name: "w", type: .q8_0, shape: Shape([32]))])
    }
    #expect(error?.description.contains("safetensors has no type for Q8_0") == true)
  }

  @Test func `The trained fixture opens and its norms decode`() throws {
    let checkpoint = try Containers.open(Fixtures.path("tiny-qwen3.5"))
    #expect(checkpoint.format == .huggingFace)
    #expect(checkpoint.tensors.count > 100)
    #expect(checkpoint.folder?.config?["model_type"]?.stringValue == "qwen3_5")
    #expect(try checkpoint.folder?.tokenizerJSON() != nil)
    #expect(checkpoint.packedScheme == nil)
    let norm = try #require(checkpoint.tensors.first { $0.name.hasSuffix("norm.weight") })
    #expect(try norm.readFloats().allSatisfy(\.isFinite))
  }
}
