import Base
import Containers
import Conversion
import Engine
import Evaluation
import Quants
import Runtime
import TestSupport
import Testing

@Suite("Families, computed")
struct FamilyForwardTests {
  /// Where a model lies.
  enum Container: String, CaseIterable, Sendable {
    case folder, gguf
    /// A folder that was made of the GGUF.
    case restored
    /// A GGUF without keys of ours, as other converters write it, and a folder that was made of that.
    case foreign, restoredForeign
  }

  /// What the definition computes without a window, for families whose window only a key of ours can carry.
  private static let perplexityWithoutWindow = ["mistral": 2715.7556]

  @Test(
    "Hidden states, logits, continuations and perplexity are the definition's", arguments: FamilyGolden.all,
    Container.allCases)
  func reference(family: FamilyGolden, container: Container) throws {
    let folder = try TemporaryFolder()
    let (opened, projector) = try open(family, container, folder)
    let reference = try family.reference()
    let isForeign = container == .foreign || container == .restoredForeign
    let other = isForeign ? Self.perplexityWithoutWindow[family.name] : nil
    if other == nil {
      for item in reference.cases { try check(item, reference.tensors, opened, projector, family) }
    }
    let text = try String(decoding: Fixtures.bytes("text/persuasion.txt"), as: UTF8.self).prefix(40_000)
    let found = try Perplexity.measure(opened, text: Array(text.utf8), context: 128, windows: 8, threads: 2)
    #expect(abs(found.perplexity / (other ?? reference.perplexity) - 1) < 1e-5)
  }

  private func open(
    _ family: FamilyGolden, _ container: Container, _ folder: TemporaryFolder
  ) throws -> (model: OpenedModel, projector: String?) {
    guard container != .folder else { return (try OpenedModel(family.model), nil) }
    var gguf = try family.converted(in: folder, "model.gguf", .convert(to: .bf16))
    var projector = family.has("mmproj-f16.json") ? folder.file("mmproj-model.gguf") : nil
    if container == .foreign || container == .restoredForeign {
      gguf = try FamilyGolden.withoutOwnKeys(gguf, folder.file("foreign.gguf"))
      projector = try projector.map { try FamilyGolden.withoutOwnKeys($0, folder.file("foreign-mmproj.gguf")) }
    }
    guard container == .restored || container == .restoredForeign else { return (try OpenedModel(gguf), projector) }
    let source = projector.map { "\(gguf),\($0)" } ?? gguf
    return (try OpenedModel(family.converted(source, in: folder, "restored", FamilyGolden.restoring)), nil)
  }

  /// One prompt: every recorded tensor, then the greedy continuation.
  private func check(
    _ item: FamilyGolden.Case, _ golden: GoldenTensors, _ opened: OpenedModel, _ projector: String?,
    _ family: FamilyGolden
  ) throws {
    let compute = Compute(threads: 2)
    var session = Session(model: opened.model, compute: compute)
    let trace: Trace
    if item.images.isEmpty {
      let tokens = try opened.promptTokens(item.prompt, raw: true)
      trace = try Trace(tokens, model: opened.model, compute: compute)
      try session.read(tokens)
    } else {
      let reader = try PictureReader(opened, vision: projector)
      let pictures = item.images.map { Fixtures.path("golden/tiny-qwen3.5/images/\($0)") }
      let prompt = try reader.prompt(item.prompt, raw: true, pictures: pictures)
      trace = try Trace(prompt, reader: reader, model: opened.model, compute: compute)
      try session.read(reader.input(prompt, compute: compute))
    }
    var compared: Set<String> = []
    for (name, _, value) in trace.tensors {
      guard let expected = golden.floats("\(item.name).\(name)") else { continue }
      guard case .float32(let values) = value else {
        let ids = try #require(golden.integers("\(item.name).\(name)"))
        if name == "input_ids" { try #require(value == .int32(ids), "\(family.name) \(item.name) \(name)") }
        continue
      }
      let difference = Self.difference(values, expected)
      try #require(
        difference < (item.images.isEmpty ? family.limit : 2e-3), "\(family.name) \(item.name) \(name): \(difference)")
      compared.insert(name)
    }
    #expect(compared.contains { $0.hasPrefix("layer") })
    var greedy = Sampler()
    let generated = try session.generate(item.generated.count, sampler: &greedy, stop: [])
    #expect(generated == item.generated, "\(family.name) \(item.name)")
  }

  /// The largest difference, relative to the reference's largest magnitude.
  private static func difference(_ found: [Float], _ expected: [Float]) -> Float {
    guard found.count == expected.count else { return .infinity }
    var (worst, largest): (Float, Float) = (0, 0)
    for (a, b) in zip(found, expected) {
      worst = (a - b).isNaN ? .infinity : max(worst, abs(a - b))
      largest = max(largest, abs(b))
    }
    return worst / largest
  }
}
