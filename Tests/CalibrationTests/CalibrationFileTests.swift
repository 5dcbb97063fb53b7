import Base
import Calibration
import Containers
import Engine
import Evaluation
import Quants
import TestSupport
import Testing

@Suite("Calibration files") struct CalibrationFileTests {
  static let sample = Calibration(
    importance: ImportanceMatrix(
      entries: [
        .init(name: "blk.0.ffn_up.weight", sums: [1, 2, 3, 4], counts: [2]),
        .init(name: "blk.0.ffn_up_exps.weight", sums: [1, 2, 3, 4], counts: [2, 0]),
      ], datasets: ["prose"], chunkCount: 2, chunkSize: 4),
    sensitivities: [
      TensorSensitivity(name: "token_embd.weight", type: TensorType(name: "Q2_K") ?? .f32, divergence: 0.5),
      TensorSensitivity(name: "token_embd.weight", type: TensorType(name: "Q4_K") ?? .f32, divergence: 0.25),
      TensorSensitivity(name: "blk.0.ffn_up.weight", type: TensorType(name: "Q4_0") ?? .f32, divergence: 1e-9),
    ],
    origin: .init(
      model: "folder", sha256: "aa", fingerprint: "bb", context: 4, seed: 7, method: "measured",
      sources: [("prose", "cc")],
      sequences: [
        CalibrationSequence(TokenWindow(tokens: [1, 2, 3, 4], scored: [2])),
        CalibrationSequence(
          [5, 6],
          picture: .init(
            positions: Positions(text: 2, from: 3), range: 0..<1, prompt: 1,
            seen: PictureRows(
              Activations(rows: 1, columns: 2, [1, 2]), added: [Activations(rows: 1, columns: 2, [3, 4])]))),
      ]))

  @Test("What is written is read")
  func roundTrip() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/c.gguf"
    try Self.sample.write(to: path)
    let read = try Calibration(path: path)
    #expect(read.importance == Self.sample.importance)
    #expect(read.sensitivities == Self.sample.sensitivities)
    #expect(read.origin == Self.sample.origin)
    // Other programs see an importance matrix.
    #expect(try ImportanceMatrix(path: path) == Self.sample.importance)
    #expect(throws: CheckpointError.self) { try Self.sample.write(to: path) }
  }

  @Test("What no input reached is told")
  func gaps() {
    let gaps = Self.sample.gaps
    #expect(gaps == ["no input reached some experts of 1 tensor: blk.0.ffn_up_exps.weight (1 of 2)"])
  }

  @Test("An importance-only calibration has no sensitivities and is read")
  func importanceOnly() throws {
    let folder = try TemporaryFolder()
    var plain = Self.sample
    plain.sensitivities = []
    try plain.write(to: folder.path + "/c.gguf")
    #expect(try Calibration(path: folder.path + "/c.gguf").sensitivities.isEmpty)
  }

  private static let prefix = "quern.calibration."

  /// What each key must not be; `nil` is a key that is missing.
  static let lies: [(key: String, value: MetadataValue?)] =
    [
      "version", "model", "model_sha256", "fingerprint", "context", "seed", "method", "sources", "sources_sha256",
      "tensors", "types", "divergences", "lengths", "tokens",
    ].map { ($0, nil) } + [
      ("version", .string("1")), ("model", .uint32(1)), ("fingerprint", .list([Int32(1)])),
      ("context", .uint32(3)), ("context", .uint32(1 << 25)), ("context", .int32(-1)), ("seed", .string("x")),
      ("seed", .int32(-1)), ("sources", .array(.string(TextList(["a", "b"])))), ("sources_sha256", .uint32(0)),
      ("tensors", .array(.string(TextList(["a"])))), ("types", .array(.string(TextList(["Q4_K", "Q4_K", "Q9_Z"])))),
      ("types", .array(.string(TextList(["Q4_K", "Q4_K", "Q4_0"])))), ("divergences", .list([Int32(1), 2, 3])),
      ("divergences", .list([0.1, 0.2])), ("divergences", .list([0.1, 0.2, -1e-9])),
      ("divergences", .list([0.1, 0.2, Double.nan])), ("divergences", .list([0.1, 0.2, Double.infinity])),
      ("divergences", .list([0.1, 0.2, 1e7])), ("lengths", .list([Int32(4), 3])), ("lengths", .list([Int32(4)])),
      ("lengths", .list([Int32(6), 0])), ("lengths", .list([Int32(-1), 7])),
      ("tokens", .list([Int32(1), 2, 3, 4, 5, -6])),
      ("tokens", .list([Int64(1), 2, 3, 4, 5, 1 << 40])), ("tokens", .list([1.0, 2, 3, 4, 5, 6])),
    ]

  @Test("A key that lies is refused by name", arguments: lies.indices)
  func lie(_ index: Int) throws {
    let (key, value) = Self.lies[index]
    let folder = try TemporaryFolder()
    let path = folder.path + "/c.gguf"
    try Self.sample.write(to: path)
    let checkpoint = try Containers.open(path)
    var metadata = checkpoint.metadata
    metadata[Self.prefix + key] = value
    let other = folder.path + "/other.gguf"
    let writer = try GGUFWriter(
      path: other, metadata: metadata,
      tensors: checkpoint.tensors.map { TensorDescription(name: $0.name, type: $0.type, shape: $0.shape) })
    for (index, tensor) in checkpoint.tensors.enumerated() { try writer.copyTensor(index, from: tensor) }
    _ = try writer.finish()
    let error = try #require(throws: CheckpointError.self) { try Calibration(path: other) }
    #expect(error.file == other)
    #expect(error.message.contains(Self.prefix + key) || error.tensor != nil || key == "lengths", "\(error)")
    #expect(error.code == .malformed)
  }

  @Test("A later version is refused as one")
  func laterVersion() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/c.gguf"
    try Self.sample.importance.write(
      to: path, beside: Metadata([("quern.calibration.version", .uint32(2))]))
    let error = try #require(throws: CheckpointError.self) { try Calibration(path: path) }
    #expect(error.code == .unsupported)
  }

  @Test("A plain importance matrix is told from a calibration")
  func plainMatrix() throws {
    let error = try #require(throws: CheckpointError.self) {
      try Calibration(path: Fixtures.path("golden/tiny-qwen3.5/imatrix.gguf"))
    }
    #expect(error.message.contains("quern calibrate"))
  }
}
