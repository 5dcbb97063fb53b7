import Base
import Containers
import Conversion
import Evaluation
import Quants
import Runtime
import TestSupport
import Testing

/// Importance that says nothing about a tensor, a part of it, or an expert.
struct ImportanceHoleTests {
  typealias Entry = ImportanceMatrix.Entry

  private func options(
    _ recipe: String, _ folder: TemporaryFolder, legacy: Bool = false, _ change: (Entry) -> Entry?
  ) throws -> ConversionOptions {
    let matrix = try ImportanceMatrix(path: goldenImportance)
    let changed = ImportanceMatrix(
      entries: matrix.entries.compactMap(change), datasets: matrix.datasets, chunkCount: 60, chunkSize: 256)
    let path = folder.file(legacy ? "m.dat" : "m.gguf")
    if legacy {
      try changed.writeLegacy(to: path, overwrite: true)
    } else {
      try changed.write(to: path, overwrite: true)
    }
    var options = into(folder, .quantize(try .named(recipe)))
    options.vision = false
    options.overwrite = true
    options.guide = try ImportanceGuide(path: path)
    return options
  }

  private func perplexity(_ options: ConversionOptions) throws -> Double {
    try convert(tinyModel, options)
    return try Perplexity.measure(
      OpenedModel(options.output ?? ""), text: Fixtures.bytes("text/persuasion.txt"), context: 256, windows: 2,
      threads: 2
    ).perplexity
  }

  /// A weight of zero everywhere made every scale equally good: the perplexity was 1.3e12.
  @Test(arguments: ["zero", "subnormal", "no counts", "negative", "NaN"], [false, true])
  func `an entry that says nothing is told, and its tensor quantized plainly`(kind: String, legacy: Bool) throws {
    if legacy, kind == "no counts" { return }
    let folder = try TemporaryFolder()
    let reasons = [
      "zero": "importance is zero", "subnormal": "importance is zero", "no counts": "importance of no input",
      "negative": "importance is negative", "NaN": "importance is not finite",
    ]
    func change(_ entry: Entry) -> Entry? {
      switch kind {
      case "zero": Entry(name: entry.name, sums: entry.sums.map { _ in 0 }, counts: entry.counts)
      case "subnormal":
        Entry(
          name: entry.name, sums: entry.sums.map { _ in Float.leastNonzeroMagnitude },
          counts: entry.counts.map { _ in 1 })
      case "no counts": Entry(name: entry.name, sums: entry.sums, counts: entry.counts.map { _ in 0 })
      case "negative": Entry(name: entry.name, sums: [-1] + entry.sums.dropFirst(), counts: entry.counts)
      default: Entry(name: entry.name, sums: [.nan] + entry.sums.dropFirst(), counts: entry.counts)
      }
    }
    let made = try options("Q4_K_M", folder, legacy: legacy, change)
    let plan = try Conversion.plan(source: tinyModel, options: made)
    let reason = try #require(reasons[kind])
    let note = try #require(plan.notes.first { $0.hasPrefix(reason) }, "\(plan.notes)")
    #expect(note.contains("plain rule") && note.contains("blk.0.attn_gate.weight") && note.contains(" more"))
    #expect(plan.files[0].tensors.allSatisfy { $0.guidance == .none })
    // The bytes are those of a run without importance.
    if legacy || kind == "negative" { return }
    try convert(tinyModel, made)
    var plain = into(folder, .quantize(try .named("Q4_K_M")), "plain")
    plain.vision = false
    try convert(tinyModel, plain)
    #expect(try fingerprint(folder.file("model.gguf")) == fingerprint(folder.file("plain.gguf")))
  }

  @Test func `a recipe that needs importance falls back where it is zero`() throws {
    let folder = try TemporaryFolder()
    let plan = try Conversion.plan(
      source: tinyModel,
      options: options("IQ2_XXS", folder) { entry in
        entry.name == "blk.1.ffn_up.weight"
          ? Entry(name: entry.name, sums: entry.sums.map { _ in 0 }, counts: entry.counts) : entry
      })
    #expect(plan.files[0].tensors.first { $0.name == "blk.1.ffn_up.weight" }?.type.name == "Q2_K")
    #expect(plan.notes.contains { $0.hasPrefix("importance is zero for 1 tensor and IQ2_XXS needs it, so Q2_K") })
  }

  /// Columns 32 to 95 without importance: 163 and 240 before, where the whole importance gives 114 to 118.
  @Test(arguments: ["Q4_K_M", "IQ4_NL"])
  func `groups without importance count like the average`(recipe: String) throws {
    let folder = try TemporaryFolder()
    let holes = try options(recipe, folder) { entry in
      var sums = entry.sums
      for index in 32..<96 { sums[index] = 0 }
      return Entry(name: entry.name, sums: sums, counts: entry.counts)
    }
    let plan = try Conversion.plan(source: tinyModel, options: holes)
    let note = try #require(plan.notes.first { $0.hasPrefix("importance is zero for whole groups") }, "\(plan.notes)")
    #expect(note.contains("in 62 tensors") && note.contains(" more"), "\(note)")
    let (found, whole) = (try perplexity(holes), try perplexity(options(recipe, folder) { $0 }))
    #expect(found < whole * 1.05, "\(found), \(whole)")
  }

  /// Every codec that looks at importance says how many weights share a scale, and no other does.
  @Test(arguments: TensorType.writable)
  func `formats say which weights share a search`(type: TensorType) throws {
    guard let codec = type.codec, type.isBlock else { return }
    var random = SeededGenerator(seed: 11)
    let row = (0..<512).map { _ in random.float() }
    func encoded(_ importance: [Float]) -> [UInt8] {
      var blocks = [UInt8](repeating: 0, count: 512 / type.blockElements * type.blockBytes)
      row.withUnsafeBufferPointer { row in
        importance.withUnsafeBufferPointer { importance in
          blocks.withUnsafeMutableBytes { codec.encode(row, importance: importance, into: $0) }
        }
      }
      return blocks
    }
    let some = (0..<512).map { _ in abs(random.float()) + 0.01 }
    #expect((encoded(some) != encoded(some.map { _ in 1 })) == (codec.importanceGroup != nil))
    guard let group = codec.importanceGroup else { return }
    // The group behind the first half block: without importance it is worse than with the average.
    func error(_ importance: [Float]) -> Float {
      var values = [Float](repeating: 0, count: 512)
      encoded(importance).withUnsafeBytes { blocks in
        values.withUnsafeMutableBufferPointer { codec.decode(blocks, into: $0) }
      }
      return zip(values[256..<256 + group], row[256..<256 + group]).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
    var holes = some
    for index in 256..<256 + group { holes[index] = 0 }
    let fill = ImportanceFill(holes, columns: 512, codec: codec)
    #expect(fill.groups == 1 && fill.weights[256..<256 + group].allSatisfy { $0 > 0.3 && $0 < 0.8 })
    #expect(Array(fill.weights[..<256]) == Array(some[..<256]))
    #expect(error(fill.weights) < error(holes) || error(holes) < 0.02, "\(error(fill.weights)) \(error(holes))")
    // Less than a quarter that counts keeps what it says, and the others count like the average; a quarter leaves the group to the rule.
    for index in 256..<256 + group / 4 {
      let few = ImportanceFill(holes, columns: 512, codec: codec).weights
      #expect(few[256..<index].allSatisfy { $0 == 0.5 } && few[index..<256 + group].allSatisfy { $0 > 0.3 })
      holes[index] = 0.5
    }
    #expect(ImportanceFill(holes, columns: 512, codec: codec).weights == holes)
    // What is a hundred million times below the average is nothing.
    for index in 256..<256 + group { holes[index] = 1e-20 }
    #expect(ImportanceFill(holes, columns: 512, codec: codec).weights[256..<256 + group].allSatisfy { $0 > 0.3 })
  }

  @Test func `an expert that saw nothing has a note, one of zeros counts alike`() throws {
    let folder = try TemporaryFolder()
    let writer = try GGUFWriter(
      path: folder.file("x.gguf"), metadata: Metadata([("general.architecture", .string("odd"))]),
      tensors: [TensorDescription(name: "blk.0.ffn_up_exps.weight", type: .f32, shape: Shape([3, 4, 64]))])
    let values = (0..<768).map { Float(($0 * 7919) % 1009) / 1009 - 0.5 }
    try values.withUnsafeBytes { try writer.writeTensor(0, $0) }
    _ = try writer.finish()
    let sums = [Float](repeating: 2, count: 64) + [Float](repeating: 5, count: 64) + [Float](repeating: 0, count: 64)
    try ImportanceMatrix(
      entries: [.init(name: "blk.0.ffn_up_exps.weight", sums: sums, counts: [1, 0, 1])], datasets: [], chunkCount: 1,
      chunkSize: 1
    ).write(to: folder.file("m.gguf"))
    var options = into(folder, .quantize(try .named("Q4_0", pure: true)))
    options.guide = try ImportanceGuide(path: folder.file("m.gguf"))
    let plan = try Conversion.plan(source: folder.file("x.gguf"), options: options)
    #expect(plan.notes.contains { $0.contains("no input reached some experts") && $0.contains("(1 of 3)") })
    #expect(plan.notes.contains { $0.contains("whole groups") && $0.contains("(2 of 6)") }, "\(plan.notes)")
    let importance = try #require(try plan.guide?.guidance(for: plan.files[0].tensors[0].description))
    #expect(importance == [Float](repeating: 2, count: 64) + [Float](repeating: 1, count: 128))
  }
}
