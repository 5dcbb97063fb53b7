import Architectures
import Containers
import Conversion
import Evaluation
import Foundation
import Quants
import Tensors
import TestSupport
import Testing

/// Where a model lost something: layer by layer and tensor by tensor.
@Suite("Drift")
struct DriftTests {
  private let before = Fixtures.path("tiny-qwen3.5")

  private func made(_ options: ConversionOptions, _ name: String, in folder: TemporaryFolder) throws -> String {
    var options = options
    options.output = folder.file("\(name).gguf")
    options.vision = false
    _ = try Conversion.plan(source: before, options: options).run(threads: 2)
    return folder.file("\(name).gguf")
  }

  private func converted(to type: TensorType) -> ConversionOptions {
    var options = ConversionOptions()
    options.recipe = .conversion(to: type)
    return options
  }

  private func measure(
    _ after: [String], context: Int, windows: Int, isolates: Bool = false, threads: Int = 2
  ) throws -> [Validation.Result] {
    try Validation.measure(
      before: OpenedModel(before), after: try after.map { try OpenedModel($0) },
      texts: [TextSource(name: "persuasion", bytes: try Fixtures.bytes("text/persuasion.txt"))], context: context,
      windows: windows,
      isolates: isolates, threads: threads
    ).after
  }

  @Test("A conversion loses nothing: every divergence, drift and weight error is exactly 0")
  func conversion() throws {
    let folder = try TemporaryFolder()
    let plain = try made(converted(to: .f32), "F32", in: folder)
    let half = try made(converted(to: .bf16), "BF16", in: folder)
    for result in try measure([plain, half], context: 96, windows: 2, isolates: true) {
      #expect(result.all.divergence.percentiles.largest == 0 && result.all.top1Agreement.value == 1)
      #expect(result.all.jensenShannon?.percentiles.largest == 0 && result.all.perplexityRatio?.value == 1)
      #expect(result.layers.count == 9)
      let nothing = RowDifference(
        relativeError: 0, medianError: 0, meanError: 0, largestError: 0, meanCosine: 1, leastCosine: 1)
      for layer in result.layers { #expect(layer.accumulated == nothing && layer.own == nothing, "\(layer.layer)") }
      #expect(result.tensors.count > 100)
      for tensor in result.tensors {
        #expect(tensor.relativeError == 0 && tensor.cosine == 1 && tensor.largestError == 0, "\(tensor.name)")
      }
      #expect(result.alarms.isEmpty)
    }
  }

  @Test("Every layer drifts as the reference's does")
  func reference() throws {
    let folder = try TemporaryFolder()
    let recipes = ["Q8_0", "Q4_K_M", "Q2_K"]
    let files = try recipes.map { try made(.quantize(try .named($0)), $0, in: folder) }
    let golden = try #require(Fixtures.json("golden/validate/text.json")["files"])
    for (recipe, result) in zip(recipes, try measure(files, context: 256, windows: 24)) {
      let layers = try #require(golden[recipe]?["layers"]?.arrayValue)
      #expect(result.layers.count == layers.count)
      for (found, expected) in zip(result.layers, layers) {
        #expect(found.layer == expected["layer"]?.intValue.map { Int($0) })
        let figures = found.accumulated
        for (key, value) in [
          ("relative_error", figures.relativeError), ("relative_error_median_token", figures.medianError),
          ("relative_error_max_token", figures.largestError),
        ] {
          let wanted = try #require(expected[key]?.doubleValue)
          #expect(abs(value / wanted - 1) < 1e-4, "\(recipe) \(found.layer) \(key): \(value), not \(wanted)")
        }
        for (key, value) in [("cosine_mean", figures.meanCosine), ("cosine_min", figures.leastCosine)] {
          let wanted = try #require(expected[key]?.doubleValue)
          #expect(abs(value - wanted) < 1e-6, "\(recipe) \(found.layer) \(key): \(value), not \(wanted)")
        }
      }
    }
  }

  /// Adds noise to the weights of a tensor of a GGUF in F32: as long as `share` of them.
  private func spoil(_ path: String, _ name: String, share: Double) throws {
    let entry = try Containers.open(path).tensor(name)
    var values = try entry.readFloats()
    let length = (values.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(values.count)).squareRoot()
    for index in values.indices {
      // A sine that turns ever faster is as good as noise.
      let noise = sin(Double(index) * Double(index) * 0.7) * 2.0.squareRoot()
      values[index] += Float(noise * share * length)
    }
    let file = try #require(FileHandle(forWritingAtPath: path))
    try file.seek(toOffset: entry.offset)
    try file.write(contentsOf: values.withUnsafeBytes { Data($0) })
    try file.close()
  }

  @Test(
    "A fault is named: the first tensor, the step of the drift, the layer that errs by itself", arguments: [0, 2, 5])
  func planted(_ layer: Int) throws {
    let folder = try TemporaryFolder()
    let path = try made(converted(to: .f32), "spoilt", in: folder)
    let name = "blk.\(layer).ssm_out.weight"
    try spoil(path, name, share: 0.2)
    let result = try measure([path], context: 128, windows: 3, isolates: true)[0]
    #expect(result.tensors.first?.name == name)
    #expect(result.tensors.dropFirst().allSatisfy { $0.relativeError == 0 && $0.cosine == 1 && $0.largestError == 0 })
    let error = try #require(result.tensors.first?.relativeError)
    #expect(abs(error - 0.2) < 0.01)
    let steps = zip(result.layers, result.layers.dropFirst()).map {
      $1.accumulated.medianError - $0.accumulated.medianError
    }
    #expect(steps.indices.max { steps[$0] < steps[$1] } == layer)
    for drift in result.layers {
      #expect((drift.layer < layer) == (drift.accumulated.relativeError == 0), "\(drift.layer)")
      #expect((drift.layer != layer) == (drift.own?.relativeError == 0), "\(drift.layer)")
    }
    #expect(result.alarms.count == 2)
    #expect(result.alarms.first?.contains("layer \(layer) ") == true && result.alarms.last?.contains(name) == true)
  }

  @Test("Threads change no bit, and sound files of any coarseness raise no alarm")
  func sound() throws {
    let folder = try TemporaryFolder()
    let recipes = ["Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K", "IQ3_S"]
    let files = try recipes.map { try made(.quantize(try .named($0)), $0, in: folder) }
    let one = try measure(files, context: 64, windows: 3, isolates: true, threads: 1)
    for (recipe, result) in zip(recipes, one) { #expect(result.alarms.isEmpty, "\(recipe): \(result.alarms)") }
    for threads in [2, 7] {
      for (first, second) in zip(one, try measure(files, context: 64, windows: 3, isolates: true, threads: threads)) {
        #expect(first.layers == second.layers && first.tensors == second.tensors)
      }
    }
  }
}
