import Base
import Containers
import Conversion
import Engine
import Evaluation
import Foundation
import Quants
import Runtime
import TestSupport
import Testing

/// Where a model lost something: layer by layer and tensor by tensor.
@Suite("Drift")
struct DriftTests {
  private let before = Fixtures.path("tiny-qwen3.5")

  private func made(
    _ options: ConversionOptions, _ name: String, in folder: TemporaryFolder, vision: Bool = false
  ) throws -> String {
    var options = options
    options.output = folder.file("\(name).gguf")
    options.vision = vision
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

  @Test("No file of the reference makes a step, and one that is made is found")
  func steps() throws {
    let files = try #require(Fixtures.json("golden/validate/text.json")["files"]?.objectValue)
    #expect(files.keys.count == 9)
    for (name, file) in files.entries {
      let layers = try #require(file["layers"]?.arrayValue).map { row in
        func figure(_ key: String) throws -> Double { try #require(row[key]?.doubleValue) }
        let number = try #require(row["layer"]?.intValue.map { Int($0) })
        return LayerDrift(
          layer: number, kind: number < 0 ? .embedding : .linear,
          accumulated: RowDifference(
            relativeError: try figure("relative_error"), medianError: try figure("relative_error_median_token"),
            meanError: 0, largestError: try figure("relative_error_max_token"), meanCosine: try figure("cosine_mean"),
            leastCosine: try figure("cosine_min")), own: nil)
      }
      #expect(DriftAlarms.of(layers: layers, tensors: []).isEmpty, "\(name)")
      // From layer 4 on every token is off by half of its length more, in a direction of its own.
      let broken = layers.map { layer in
        let found = layer.accumulated
        let more = layer.layer < 4 ? 0 : 0.25
        let error = (found.medianError * found.medianError + more).squareRoot()
        return LayerDrift(
          layer: layer.layer, kind: layer.kind,
          accumulated: RowDifference(
            relativeError: error, medianError: error, meanError: error, largestError: error,
            meanCosine: found.meanCosine, leastCosine: found.leastCosine), own: nil)
      }
      let alarms = DriftAlarms.of(layers: broken, tensors: [])
      #expect(alarms.count == 1 && alarms[0].contains("a step in layer 4 "), "\(name): \(alarms)")
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

  @Test("Sound files of any coarseness raise no alarm, and threads change no bit")
  func sound() throws {
    let folder = try TemporaryFolder()
    let recipes = ["Q8_0", "Q4_K_M", "Q6_K", "Q5_K_M", "Q4_0", "Q3_K_M", "Q2_K", "IQ3_S"]
    let files = try recipes.map { try made(.quantize(try .named($0)), $0, in: folder) }
    let all = try measure(files, context: 64, windows: 2, isolates: true, threads: 1)
    for (recipe, result) in zip(recipes, all) { #expect(result.alarms.isEmpty, "\(recipe): \(result.alarms)") }
    for threads in [2, 7] {
      let again = try measure([files[1]], context: 64, windows: 2, isolates: true, threads: threads)[0]
      #expect(again.layers == all[1].layers && again.tensors == all[1].tensors)
    }
  }

  @Test("A vision encoder sees the same to the bit in a folder and in a projector, and its weights are compared")
  func vision() throws {
    let folder = try TemporaryFolder()
    let path = try made(converted(to: .f32), "whole", in: folder, vision: true)
    let (original, copy) = (try OpenedModel(before), try OpenedModel(path))
    let compute = Compute(threads: 2)
    let traces = try [original, copy].map { opened in
      let reader = try PictureReader(opened)
      let prompt = try reader.prompt(
        "Describe.", raw: false, pictures: [Fixtures.path("golden/tiny-qwen3.5/images/a-64x64.png")])
      return try Trace(prompt, reader: reader, model: opened.model, compute: compute)
    }
    #expect(traces[0].tensors.map(\.name) == traces[1].tensors.map(\.name))
    for (first, second) in zip(traces[0].tensors, traces[1].tensors) {
      #expect(first.value == second.value, "\(first.name)")
    }
    let tensors = try measure([path], context: 16, windows: 1)[0].tensors
    #expect(tensors.count { $0.isVision } == 58 && tensors.count == 181)
    #expect(tensors.allSatisfy { $0.relativeError == 0 && $0.cosine == 1 })
  }
}

extension LayerDrift {
  /// Holds layers against those of a file of the reference.
  static func check(_ found: [LayerDrift], against reference: OrderedJSON?, _ file: String) throws {
    let layers = try #require(reference?.arrayValue)
    #expect(found.count == layers.count)
    for (layer, expected) in zip(found, layers) {
      #expect(layer.layer == expected["layer"]?.intValue.map { Int($0) })
      let figures = layer.accumulated
      for (key, value) in [
        ("relative_error", figures.relativeError), ("relative_error_median_token", figures.medianError),
        ("relative_error_max_token", figures.largestError),
      ] {
        let wanted = try #require(expected[key]?.doubleValue)
        #expect(abs(value / wanted - 1) < 1e-4, "\(file) \(layer.layer) \(key): \(value), not \(wanted)")
      }
      for (key, value) in [("cosine_mean", figures.meanCosine), ("cosine_min", figures.leastCosine)] {
        let wanted = try #require(expected[key]?.doubleValue)
        #expect(abs(value - wanted) < 1e-6, "\(file) \(layer.layer) \(key): \(value), not \(wanted)")
      }
    }
  }
}
