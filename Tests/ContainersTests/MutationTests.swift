import Containers
import Foundation
import Quants
import Base
import TestSupport
import Testing

/// Seeded mutations of good files: whatever comes, it is read whole or refused with a sentence.
///
/// `QUERN_FUZZ=200000 swift test -c release --filter MutationTests` runs the long form.
@Suite(.serialized) struct MutationTests {
  /// A good model and which of its files is damaged.
  enum Subject: String, CaseIterable, Codable, Sendable {
    case gguf, ggufBlocks, ggufSplit, safetensors, index, shard, config, tokenizer
  }

  /// In a process of its own, whose memory no other test adds to.
  @Test(arguments: Subject.allCases)
  func `Nothing crashes, hangs or swells`(subject: Subject) async {
    await #expect(processExitsWith: .success) { [subject] in try Self.mutate(subject) }
  }

  private static func mutate(_ subject: Subject) throws {
    let folder = try TemporaryFolder()
    let (victim, opened) = try Self.make(subject, in: folder)
    let good = try FileSystem.read(victim)
    _ = try Self.walk(opened)
    var mutator = Mutator(seed: Self.seed(subject))
    var accepted = 0
    var work: [Double] = []
    let count = Mutator.count / Subject.allCases.count
    for round in 0..<count {
      let damaged = mutator.mutate(good)
      try Self.replace(victim, damaged)
      let cost = try Work.measure {
        do {
          let checkpoint = try Self.walk(opened)
          accepted += 1
          try Self.expectSame(checkpoint, damaged, victim, round)
        } catch let error as CheckpointError {
          #expect(error.code != .fault && error.code != .inputOutput, "round \(round): \(error)")
          #expect(!error.message.isEmpty)
        }
      }
      work.append(cost)
    }
    // A mutator that breaks everything tests one error path; one that breaks nothing tests none.
    #expect(accepted > count / 1000 && accepted < count)
    #expect(Work.extremity(work) < 10_000, "round \(work.indices.max { work[$0] < work[$1] } ?? 0)")
    if !Work.isSanitized, let peak = Work.peakBytes() { #expect(peak < 600 << 20) }
  }

  private static func seed(_ subject: Subject) -> UInt64 {
    var seed: UInt64 = 7
    for byte in subject.rawValue.utf8 { seed = seed &* 31 &+ UInt64(byte) }
    return seed
  }

  /// Opens, reads every byte of every tensor, decodes what can be decoded, reads the documents.
  private static func walk(_ source: String) throws -> Checkpoint {
    let checkpoint = try Containers.open(source)
    for tensor in checkpoint.tensors {
      let sum = try tensor.withBytes { (bytes) throws(CheckpointError) -> UInt64 in
        var sum: UInt64 = 0
        for byte in bytes { sum += UInt64(byte) }
        return sum
      }
      #expect(sum <= UInt64(tensor.byteCount) * 255)
      guard tensor.type.codec != nil else { continue }
      let floats = Result { () throws(CheckpointError) in try tensor.readFloats() }
      if case .failure(let error) = floats, error.message.contains("is not a finite number") { continue }
      #expect(try floats.get().count == tensor.shape.elementCount)
    }
    if let tokenizer = try checkpoint.folder?.tokenizerJSON() { _ = try OrderedJSON(parsing: tokenizer, file: source) }
    _ = checkpoint.packedScheme
    return checkpoint
  }

  /// A GGUF that is accepted, however damaged, is written again byte for byte.
  private static func expectSame(_ checkpoint: Checkpoint, _ bytes: [UInt8], _ path: String, _ round: Int) throws {
    guard let shard = checkpoint.gguf?.shards.first(where: { $0.path == path }) else { return }
    let layout = try GGUFLayout(copying: shard)
    #expect(layout.totalBytes == UInt64(bytes.count), "round \(round)")
    #expect(bytes.starts(with: layout.parts[0].header), "round \(round)")
  }

  private static func replace(_ path: String, _ bytes: [UInt8]) throws {
    // Written in place: file systems flush a file that is emptied and filled again, which costs milliseconds.
    let file = URL(filePath: path)
    guard FileSystem.exists(path) else { return try Data(bytes).write(to: file) }
    let handle = try FileHandle(forUpdating: file)
    try handle.write(contentsOf: bytes)
    try handle.truncate(atOffset: UInt64(bytes.count))
    try handle.close()
  }

  /// Writes a small good model.
  ///
  /// - Returns: the file to damage and the source to open.
  private static func make(_ subject: Subject, in folder: TemporaryFolder) throws -> (victim: String, opened: String) {
    switch subject {
    case .gguf:
      _ = try GGUFTests.write(folder.file("a.gguf"))
      return (folder.file("a.gguf"), folder.file("a.gguf"))
    case .ggufBlocks:
      try writeBlocks(folder.file("a.gguf"))
      return (folder.file("a.gguf"), folder.file("a.gguf"))
    case .ggufSplit:
      let files = try GGUFTests.write(folder.file("a.gguf"), splitSize: 400)
      return (files[1].path, files[0].path)
    case .safetensors:
      _ = try SafetensorsTests.write(folder.file("a"))
      return (folder.file("a"), folder.file("a"))
    case .index, .shard:
      _ = try SafetensorsTests.write(folder.file("model.safetensors"), shardSize: 10)
      let name = subject == .index ? "model.safetensors.index.json" : "model-00002-of-00003.safetensors"
      return (folder.file(name), folder.path)
    case .config, .tokenizer:
      _ = try SafetensorsTests.write(folder.file("model.safetensors"))
      try replace(folder.file("config.json"), try Fixtures.bytes("tiny-qwen3.5/config.json"))
      try replace(
        folder.file("tokenizer.json"), try Fixtures.bytes("hostile/tokenizer/merge-unknown/tokenizer.json"))
      try replace(
        folder.file("tokenizer_config.json"),
        Array(#"{"chat_template":[{"name":"default","template":"{{ messages }}"}],"model_max_length":1e30}"#.utf8))
      return (folder.file(subject == .config ? "config.json" : "tokenizer.json"), folder.path)
    }
  }

  /// One tensor of every format that GGUF has, two rows of two blocks each.
  private static func writeBlocks(_ path: String) throws {
    let types = QuantFormats.all.filter { $0.ggufID != nil }
    let tensors = types.map {
      TensorDescription(name: "w.\($0.name)", type: $0, shape: Shape([2, $0.blockElements * 2]))
    }
    var metadata = Metadata()
    metadata["general.architecture"] = .string("qwen35")
    let writer = try GGUFWriter(path: path, metadata: metadata, tensors: tensors)
    for (index, tensor) in tensors.enumerated() {
      let count = try tensor.type.byteCount(shape: tensor.shape)
      let bytes = (0..<count).map { (place: Int) -> UInt8 in UInt8((place * 11 + index) % 0x70) }
      try bytes.withUnsafeBytes { try writer.writeTensor(index, $0) }
    }
    _ = try writer.finish()
  }
}
