import Architectures
import Containers
import Engine
import Foundation
import Quants
import Base
import TestSupport
import Testing
import Tokenizers

/// Seeded mutations of configurations, tokenizers and GGUF metadata: understood whole or refused with a sentence.
///
/// `QUERN_FUZZ=200000 swift test -c release --filter ModelMutationTests` runs the long form.
@Suite(.serialized) struct ModelMutationTests {
  enum Subject: String, CaseIterable, Codable, Sendable {
    case config, tokenizer, gguf
  }

  /// In a process of its own, whose memory no other test adds to.
  @Test(arguments: Subject.allCases)
  func `Nothing crashes, hangs or swells`(subject: Subject) async {
    await #expect(processExitsWith: .success) { [subject] in try Self.mutate(subject) }
  }

  private static func mutate(_ subject: Subject) throws {
    let folder = try TemporaryFolder()
    let good = try Self.make(subject, in: folder)
    let victim = good.path
    _ = try Self.walk(subject, folder)
    var mutator = Mutator(seed: UInt64(subject.rawValue.utf8.count))
    var accepted = 0
    var work: [Double] = []
    let count = Mutator.count / 10
    for round in 0..<count {
      try Self.replace(victim, mutator.mutate(good.bytes))
      let cost = try Work.measure {
        do {
          try Self.walk(subject, folder)
          accepted += 1
        } catch let error as CheckpointError {
          #expect(error.code != .fault && error.code != .inputOutput, "round \(round): \(error)")
        }
      }
      work.append(cost)
    }
    #expect(accepted > 0 && accepted < count)
    #expect(Work.extremity(work) < 10_000, "round \(work.indices.max { work[$0] < work[$1] } ?? 0)")
    if !Work.isSanitized, let peak = Work.peakBytes() { #expect(peak < 600 << 20) }
  }

  /// Reads the model's configuration and tokenizer, and uses them.
  private static func walk(_ subject: Subject, _ folder: TemporaryFolder) throws {
    switch subject {
    case .config:
      let checkpoint = try Containers.open(folder.path)
      let family = try Architectures.open(checkpoint)
      #expect(family.rules.count < 1 << 20)
      _ = family.textMetadata(FileDescription(name: "x", sizeLabel: "1B", fileType: nil))
      try run(family.languageModel(checkpoint))
    case .tokenizer:
      try use(TokenizerSource.open(folder.path).tokenizer)
    case .gguf:
      let checkpoint = try Containers.open(folder.file("a.gguf"))
      try use(TokenizerSource.tokenizer(of: checkpoint))
      let family = try Architectures.open(checkpoint)
      #expect(family.rules.count < 1 << 20)
      _ = try? family.configurationJSON()
    }
  }

  /// What the smallest use of a model allocates and computes.
  private static func run(_ model: any LanguageModel) throws {
    var state = model.makeState(capacity: 2)
    let hidden = try model.forward([0, 1], state: &state, compute: compute)
    #expect(hidden.rows == 2)
  }

  private static let compute = Compute(threads: 1)

  private static func use(_ tokenizer: Tokenizer) throws {
    let ids = try tokenizer.encode("Hello, wörld 12 <|im_end|>\r\n\u{0}")
    #expect(ids.allSatisfy { $0 >= 0 })
    _ = tokenizer.decode(ids)
  }

  /// Writes a good model that is quick to read.
  ///
  /// - Returns: the file to damage.
  private static func make(_ subject: Subject, in folder: TemporaryFolder) throws -> (path: String, bytes: [UInt8]) {
    let config = try Fixtures.bytes("tiny-qwen3.5/config.json")
    let weights = URL(filePath: folder.file("model.safetensors"))
    try FileManager.default.createSymbolicLink(
      at: weights, withDestinationURL: URL(filePath: Fixtures.path("tiny-qwen3.5/model.safetensors")))
    try replace(folder.file("config.json"), config)
    let tokenizer = try smallTokenizer().serialized(pretty: false)
    try replace(folder.file("tokenizer.json"), tokenizer)
    switch subject {
    case .config: return (folder.file("config.json"), config)
    case .tokenizer: return (folder.file("tokenizer.json"), tokenizer)
    case .gguf:
      try writeGGUF(from: folder)
      return (folder.file("a.gguf"), try FileSystem.read(folder.file("a.gguf")))
    }
  }

  /// The fixture's tokenizer with its first tokens only.
  private static func smallTokenizer() throws -> OrderedJSON {
    let document = try Fixtures.json("tiny-qwen3.5/tokenizer.json")
    var object = try #require(document.objectValue)
    var model = try #require(object["model"]?.objectValue)
    var vocabulary = OrderedObject()
    for (token, id) in try #require(model["vocab"]?.objectValue).entries where (id.intValue ?? 0) < 300 {
      vocabulary[token] = id
    }
    model["vocab"] = .object(vocabulary)
    let merges = try #require(model["merges"]?.arrayValue)
    model["merges"] = .array(Array(merges.prefix(20)))
    object["model"] = .object(model)
    var added: [OrderedJSON] = []
    for (index, token) in (object["added_tokens"]?.arrayValue ?? []).prefix(4).enumerated() {
      var token = try #require(token.objectValue)
      token["id"] = .integer(Int64(300 + index))
      added.append(.object(token))
    }
    object["added_tokens"] = .array(added)
    return .object(object)
  }

  /// A GGUF with the model's metadata, the small tokenizer, and the one tensor that tells the vocabulary's size.
  private static func writeGGUF(from folder: TemporaryFolder) throws {
    let checkpoint = try Containers.open(folder.path)
    let family = try Architectures.open(checkpoint)
    var metadata = family.textMetadata(FileDescription(name: "tiny", sizeLabel: "8M", fileType: 0))
    let tokenizer = try TokenizerSource.open(folder.path).tokenizer
    for (key, value) in try tokenizer.ggufEntries(rows: 304, chatTemplate: nil) { metadata[key] = value }
    metadata["general.architecture"] = .string("qwen35")
    let rest = try TokenizerDocument(smallTokenizer()).rest.serialized(pretty: false)
    metadata[GGUFKeys.document] = .string(String(decoding: rest, as: UTF8.self))
    let embedding = TensorDescription(name: "token_embd.weight", type: .f32, shape: Shape([4, 256]))
    let writer = try GGUFWriter(path: folder.file("a.gguf"), metadata: metadata, tensors: [embedding])
    let zeros = [UInt8](repeating: 0, count: 4096)
    try zeros.withUnsafeBytes { try writer.writeTensor(0, $0) }
    _ = try writer.finish()
  }

  private static func replace(_ path: String, _ bytes: [UInt8]) throws {
    let file = URL(filePath: path)
    guard FileSystem.exists(path) else { return try Data(bytes).write(to: file) }
    let handle = try FileHandle(forUpdating: file)
    try handle.write(contentsOf: bytes)
    try handle.truncate(atOffset: UInt64(bytes.count))
    try handle.close()
  }
}
