import Containers
import Conversion
import Quants
import Base
import TestSupport
import Testing

/// Which type each file type gives each tensor of models of many kinds, as llama-quantize says in a dry run: shared heads,
/// experts, awkward widths, 70B, Falcon, MTP blocks, odd names.
struct RecipeTypeTests {
  static let golden = try? Fixtures.json("golden/recipe-types.json")
  static let models: [String] = golden?["models"]?.arrayValue?.compactMap { $0["name"]?.stringValue } ?? []

  @Test func `there are models of many kinds`() {
    #expect(Self.models.count >= 16)
  }

  @Test(arguments: models)
  func `every tensor gets the reference's type`(name: String) throws {
    let model = try #require(Self.golden?["models"]?.arrayValue?.first { $0["name"]?.stringValue == name })
    let letters = try #require(Self.golden?["letters"]?.objectValue)
    let types = Dictionary(uniqueKeysWithValues: letters.entries.map { ($0.key, $0.value.stringValue ?? "") })
    let folder = try TemporaryFolder()
    let tensors = try Self.write(model, to: folder)
    let importance = try ImportanceGuide(path: folder.file("importance.gguf"))
    let answers = try #require(model["types"]?.objectValue)
    for (key, value) in answers.entries {
      let recipe = try Recipe.named(String(key.prefix { $0 != "." }))
      let expected = try #require(value.stringValue).map { types[String($0)] }
      let isOnly = !key.hasSuffix(".imatrix") && answers[key + ".imatrix"] == nil
      // With importance, which some recipes ask for, and without.
      for used in key.hasSuffix(".imatrix") ? [importance] : isOnly ? [nil, importance] : [nil] {
        var options = ConversionOptions.quantize(recipe)
        options.output = folder.file("out.gguf")
        options.guide = used
        let planned = Self.plan(folder.file("model.gguf"), options)
        if case .failure(let error) = planned, used == nil, error.message.contains("needs importance") {
          // The reference says what it would do, and then refuses too.
          #expect(recipe.name.hasPrefix("IQ") || recipe.name == "Q2_K_S")
          continue
        }
        let plan = try planned.get()
        #expect(plan.files[0].tensors.count == expected.count)
        let found = Dictionary(uniqueKeysWithValues: plan.files[0].tensors.map { ($0.name, $0.type.name) })
        let different = zip(tensors, expected).filter { found[$0.name] != $1 ?? $0.type.name }
        #expect(different.isEmpty, "\(key): \(different.map { ($0.name, found[$0.name], $1) })")
      }
    }
  }

  private static func plan(_ source: String, _ options: ConversionOptions) -> Result<Plan, CheckpointError> {
    Result { () throws(CheckpointError) in try Conversion.plan(source: source, options: options) }
  }

  /// The model, and importance for all of it.
  private static func write(_ model: OrderedJSON, to folder: TemporaryFolder) throws -> [TensorDescription] {
    let facts = try #require(model["metadata"]?.objectValue)
    // A family that quern knows would want to be whole.
    let named = try #require(facts["architecture"]?.stringValue)
    let architecture = named == "qwen35" ? "hybrid" : named
    var metadata = Metadata([("general.architecture", .string(architecture))])
    for (key, value) in facts.entries where key != "architecture" {
      if let number = value.intValue {
        metadata["\(architecture).\(key)"] = .uint32(UInt32(number))
      } else {
        metadata["\(architecture).\(key)"] = .list((value.arrayValue ?? []).map { Int32($0.intValue ?? 0) })
      }
    }
    let tensors = try #require(model["tensors"]?.arrayValue).map { item in
      let parts = try #require(item.arrayValue)
      let shape = Shape(parts.dropFirst().compactMap(\.intValue))
      return TensorDescription(
        name: try #require(parts[0].stringValue), type: shape.rank > 1 ? .f16 : .f32, shape: shape)
    }
    let writer = try GGUFWriter(path: folder.file("model.gguf"), metadata: metadata, tensors: tensors)
    for (index, size) in writer.layout.byteCounts.enumerated() {
      try writer.beginTensor(index)
      try [UInt8](repeating: 0, count: size).withUnsafeBytes { try writer.write($0) }
      try writer.endTensor()
    }
    _ = try writer.finish()
    let entries = tensors.map { tensor in
      let matrices = tensor.shape.rank > 2 ? tensor.shape.dimensions[0] : 1
      return ImportanceMatrix.Entry(
        name: tensor.name, sums: [Float](repeating: 1, count: tensor.shape.columns * matrices),
        counts: [Float](repeating: 1, count: matrices))
    }
    try ImportanceMatrix(entries: entries, datasets: [], chunkCount: 1, chunkSize: 1)
      .write(to: folder.file("importance.gguf"))
    return tensors
  }
}
