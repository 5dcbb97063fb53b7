import Architectures
import Base
import Containers
import Conversion
import Quants
import Synchronization
import TestSupport
import Testing

/// Tensors of several stored ones, and guidance that is asked for late.
struct PartTests {
  private static let experts = 9
  private static let shape = [2048, 1024]

  /// An expert a tensor, which GGUF keeps stacked in one.
  private let rules = (0..<experts).map { index in
    TensorRule(
      "experts.\(index).down_proj.weight", "blk.0.ffn_down_exps.weight", shape: shape, ggufShape: [experts] + shape,
      steps: [.item(index, of: experts)])
  }

  private func write(to folder: TemporaryFolder) throws -> Checkpoint {
    let tensors = rules.map {
      TensorDescription(name: $0.savedName, type: .bf16, shape: $0.shape(in: .huggingFace))
    }
    let writer = try SafetensorsWriter(path: folder.file("model.safetensors"), tensors: tensors)
    for (index, tensor) in tensors.enumerated() {
      // Numbers between one and two, other ones for every expert.
      let values = (0..<tensor.shape.elementCount).map { UInt16(0x3F80 + ($0 * (2 * index + 1)) % 127).littleEndian }
      try values.withUnsafeBytes { try writer.writeTensor(index, $0) }
    }
    _ = try writer.finish()
    return try Containers.open(folder.file("model.safetensors"))
  }

  private func run(
    _ tensors: [PlannedTensor], to path: String, guide: (any EncodingGuide)? = nil,
    progress: @escaping (UInt64) -> Void = { _ in }
  ) throws -> Checkpoint {
    var options = ConversionOptions.convert(to: nil)
    options.guide = guide
    let metadata = Metadata([("general.architecture", .string("scratch"))])
    let file = try PlannedFile(path: path, metadata: metadata, tensors: tensors, splitSize: nil)
    _ = try Plan(sources: [], files: [file], options, notes: []).run(threads: 2) { progress($0.bytesDone) }
    return try Containers.open(path)
  }

  /// More values than may be taken whole: each piece is rows of one expert.
  @Test func `stacked experts stream, and come apart again`() throws {
    let folder = try TemporaryFolder()
    let source = try write(to: folder)
    let gathered = try RuleCheck(rules, source).gathered(in: .gguf)
    #expect(gathered.count == 1 && gathered[0].parts.count == Self.experts)
    let tensor = try PlannedTensor(
      name: gathered[0].name, type: .f16, shape: gathered[0].shape, parts: gathered[0].parts)
    #expect(tensor.streams && tensor.shape.elementCount > 1 << 24)
    var (done, largest) = (UInt64(0), UInt64(0))
    let stacked = try run([tensor], to: folder.file("stacked.gguf")) {
      (done, largest) = ($0, max(largest, $0 - done))
    }
    #expect(done == UInt64(tensor.byteCount) && largest <= 2 << 20)
    let apart = try RuleCheck(rules, stacked).gathered(in: .huggingFace)
    #expect(apart.map(\.name) == rules.map(\.savedName))
    let back = try run(
      apart.map { try PlannedTensor(name: $0.name, type: .bf16, shape: $0.shape, parts: $0.parts) },
      to: folder.file("apart.gguf"))
    for entry in source.tensors { #expect(try sha256(try back.tensor(entry.name)) == sha256(entry), "\(entry.name)") }
  }

  /// Parts of a fused tensor, whose rows take turns of several or lie in runs: too many values to be taken whole.
  @Test(arguments: ["experts", "rows", "runs"])
  func `fused tensors stream apart, and together again`(form: String) throws {
    let folder = try TemporaryFolder()
    let (items, width, columns) = (6, 1536, 1024)
    let fused = [items, 2 * width, columns]
    let names = ["blk.0.a.weight", "blk.0.b.weight"]
    let rules = names.enumerated().map { index, name in
      let step: TensorTransform =
        switch form {
        case "experts": .plane(.init(index: index, count: 2, width: width * columns))
        case "rows": .plane(.init(index: index, count: 2, width: columns))
        // The second half of the rows in runs of 100 and 92.
        default:
          .selection((0..<96).map { index == 0 ? $0 * 192..<$0 * 192 + 100 : $0 * 192 + 100..<($0 + 1) * 192 })
        }
      let rows = form == "runs" ? [index == 0 ? 9600 : 8832, columns] : [items, width, columns]
      return TensorRule(
        "fused", name, shape: form == "runs" ? [18_432, columns] : fused, ggufShape: rows, steps: [step])
    }
    let writer = try SafetensorsWriter(
      path: folder.file("model.safetensors"),
      tensors: [TensorDescription(name: "fused", type: .bf16, shape: rules[0].shape(in: .huggingFace))])
    let values = (0..<items * 2 * width * columns).map { UInt16(0x3F80 + ($0 / columns * 31 + $0) % 127).littleEndian }
    try values.withUnsafeBytes { try writer.writeTensor(0, $0) }
    _ = try writer.finish()
    let source = try Containers.open(folder.file("model.safetensors"))
    func planned(_ checkpoint: Checkpoint, _ dialect: Dialect) throws -> [PlannedTensor] {
      try RuleCheck(rules, checkpoint).gathered(in: dialect).map {
        try PlannedTensor(name: $0.name, type: .bf16, shape: $0.shape, parts: $0.parts)
      }
    }
    let tensors = try planned(source, .gguf)
    #expect(tensors.map(\.name) == names && tensors.allSatisfy { $0.streams })
    let apart = try run(tensors, to: folder.file("apart.gguf"))
    // Of the second part a row from the middle.
    let row = form == "runs" ? 2208 : items / 2 * width + 5
    let origin =
      form == "runs"
      ? row / 92 * 192 + 100 + row % 92
      : form == "rows" ? 2 * row + 1 : items / 2 * 2 * width + width + 5
    let entry = try apart.tensor(names[1])
    var found = [UInt16](repeating: 0, count: columns)
    try found.withUnsafeMutableBytes { try entry.read(into: $0, at: row * columns * 2) }
    #expect(found == Array(values[origin * columns..<(origin + 1) * columns]))

    let joined = try planned(apart, .huggingFace)
    #expect(joined.count == 1 && joined[0].streams)
    let back = try run(joined, to: folder.file("back.gguf"))
    #expect(try sha256(try back.tensor("fused")) == sha256(try source.tensor("fused")))
    // Parts of different types are decoded each by its own.
    let mixed = try run(
      [
        try PlannedTensor(name: names[0], type: .f32, shape: tensors[0].shape, parts: tensors[0].parts),
        try PlannedTensor(name: names[1], type: .bf16, shape: tensors[1].shape, parts: tensors[1].parts),
      ], to: folder.file("mixed.gguf"))
    let again = try run(try planned(mixed, .huggingFace), to: folder.file("again.gguf"))
    #expect(try sha256(try again.tensor("fused")) == sha256(try source.tensor("fused")))
  }

  @Test func `a tensor without a source is written into a GGUF and left out on the way back`() throws {
    let folder = try TemporaryFolder()
    let values: [Float] = [1, 1.5, 0x1.23456p3, 8]
    let rules = [
      TensorRule("norm.weight", "output_norm.weight", shape: [4], declared: .f32),
      TensorRule(computed: values, "rope_freqs.weight"),
    ]
    func stored(_ name: String, _ tensors: [(name: String, values: [Float])]) throws -> Checkpoint {
      let writer = try SafetensorsWriter(
        path: folder.file(name),
        tensors: tensors.map { TensorDescription(name: $0.name, type: .f32, shape: Shape([$0.values.count])) })
      for (index, tensor) in tensors.enumerated() {
        try tensor.values.withUnsafeBytes { try writer.writeTensor(index, $0) }
      }
      _ = try writer.finish()
      return try Containers.open(folder.file(name))
    }
    func planned(_ check: RuleCheck, in dialect: Dialect) throws -> [PlannedTensor] {
      try check.gathered(in: dialect).map {
        try PlannedTensor(name: $0.name, type: .f32, shape: $0.shape, parts: $0.parts, computed: $0.computed)
      }
    }
    let source = try stored("plain.safetensors", [("norm.weight", [1, 2, 3, 4])])
    let check = RuleCheck(rules, source)
    try check.check()
    let gguf = try run(try planned(check, in: .gguf), to: folder.file("out.gguf"))
    #expect(gguf.tensors.map(\.name) == ["output_norm.weight", "rope_freqs.weight"])
    #expect(try gguf.tensor("rope_freqs.weight").readFloats() == values)
    for checkpoint in [source, gguf] {
      let loader = try WeightLoader(checkpoint, rules: rules)
      #expect(try loader.values("rope_freqs.weight") == values)
    }

    let back = RuleCheck(rules, gguf)
    try back.check()
    #expect(back.strangers.isEmpty)
    #expect(try planned(back, in: .huggingFace).map(\.name) == ["norm.weight"])
    #expect(try planned(back, in: .mlx).map(\.name) == ["norm.weight"])
    // One that a folder stores all the same is not the family's, and values without an end are not written.
    let odd = try stored("odd.safetensors", [("norm.weight", [1, 2, 3, 4]), ("rope_freqs.weight", values)])
    #expect(RuleCheck(rules, odd).strangers == ["rope_freqs.weight"])
    let endless = RuleCheck([rules[0], TensorRule(computed: [.infinity], "rope_freqs.weight")], source)
    let error = #expect(throws: CheckpointError.self) {
      try run(try planned(endless, in: .gguf), to: folder.file("endless.gguf"))
    }
    #expect(error?.code == .malformed && error?.tensor == "rope_freqs.weight")
    #expect(throws: CheckpointError.self) { try RuleCheck(endless.wanted, gguf).check() }
  }

  /// Hears what it is asked, and answers with an importance.
  private final class Listener: EncodingGuide {
    let heard = Mutex<[String]>([])
    let files: [String] = []

    func strangers(among names: [String]) -> [String] { [] }
    func kind(
      for tensor: TensorDescription, role: Recipe.Role, gaps: inout GuidanceGaps
    ) -> (kind: GuidanceKind, reason: String) { (.diagonal, "") }
    func guidance(for tensor: TensorDescription) -> [Float] {
      heard.withLock { $0.append(tensor.name) }
      return (0..<tensor.shape.columns).map { Float(1 + $0 % 7) }
    }
    func describe(_ gaps: GuidanceGaps, in metadata: inout Metadata) {}
  }

  @Test func `a guide is asked once for each tensor that was promised guidance`() throws {
    let folder = try TemporaryFolder()
    let writer = try SafetensorsWriter(
      path: folder.file("model.safetensors"),
      tensors: [TensorDescription(name: "a", type: .f32, shape: Shape([8, 64]))]
    )
    let values = (0..<512).map { Float(($0 * 37) % 101) / 50 - 1 }
    try values.withUnsafeBytes { try writer.writeTensor(0, $0) }
    _ = try writer.finish()
    let entry = try Containers.open(folder.file("model.safetensors")).tensor("a")
    let names = ["token_embd.weight", "blk.0.a.weight", "blk.0.b.weight", "blk.1.a.weight"]
    let tensors = try names.enumerated().map { index, name in
      try PlannedTensor(
        name: name, type: try #require(TensorType(name: "Q4_0")), shape: entry.shape, parts: [TensorPart(entry, [])],
        guidance: index == 0 ? .none : .diagonal)
    }
    let guide = Listener()
    let written = try run(tensors, to: folder.file("out.gguf"), guide: guide)
    let heard = guide.heard.withLock { $0 }
    // Two threads may begin with any of them.
    #expect(heard.sorted() == names.dropFirst().sorted())
    // By the plain rule, and by importance.
    #expect(try sha256(try written.tensor(names[0])) != sha256(try written.tensor(names[1])))
    #expect(try sha256(try written.tensor(names[1])) == sha256(try written.tensor(names[3])))
  }
}
