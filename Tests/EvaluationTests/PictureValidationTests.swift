import Architectures
import Base
import Conversion
import Engine
import Evaluation
import Foundation
import Images
import Quants
import Runtime
import TestSupport
import Testing

/// Text models and vision encoders of several types, made from the tiny model.
final class PictureModels: Sendable {
  static let before = Fixtures.path("tiny-qwen3.5")
  static let pictures = Fixtures.path("golden/validate/pictures")
  let folder: TemporaryFolder

  /// The pairs that are written together, so that every file is made once.
  init(_ pairs: [(recipe: String, vision: String)]) throws {
    folder = try TemporaryFolder()
    for name in ["texts", "encoders"] {
      try FileManager.default.createDirectory(atPath: folder.file(name), withIntermediateDirectories: true)
    }
    for (recipe, vision) in pairs {
      var options =
        recipe == "BF16" ? ConversionOptions.convert(to: .bf16) : ConversionOptions.quantize(try .named(recipe))
      options.visionType = TensorType(name: vision)
      options.output = text(recipe)
      options.visionOutput = encoder(vision)
      _ = try Conversion.plan(source: Self.before, options: options).run(threads: 2)
    }
  }

  func text(_ recipe: String) -> String { folder.file("texts/\(recipe).gguf") }
  func encoder(_ type: String) -> String { folder.file("encoders/mmproj-\(type).gguf") }

  /// The model before beside others, shown pictures.
  static func measure(
    _ after: [String], before: String = before, pictures: [String] = [pictures],
    prompts: [String] = [PictureTask.prompt],
    answerLimit: Int = 24, threads: Int = 2
  ) throws -> (pictures: [ComparedPicture], after: [PictureFidelity]) {
    let models = try ComparedModels(before: before, after: after, pictures: .required)
    let task = try PictureTask(
      sight: #require(models.sight), pictures: ShownPicture.all(pictures), prompts: prompts, answerLimit: answerLimit)
    return try task.measure(threads: threads)
  }
}

@Suite("Pictures before and after")
struct PictureValidationTests {
  private typealias Golden = OrderedJSON

  private func number(_ json: OrderedJSON?, _ path: String...) throws -> Double {
    try #require(path.reduce(json) { $0?[$1] }?.doubleValue, "\(path)")
  }

  private func numbers(_ json: OrderedJSON?, _ key: String) throws -> [Double] {
    try #require(json?[key]?.arrayValue).compactMap(\.doubleValue)
  }

  @Test("Every pair of text model and vision encoder has the reference's figures")
  func reference() throws {
    let golden = try Fixtures.json("golden/validate/pictures.json")
    let models = try PictureModels([("Q8_0", "F16"), ("Q4_K_M", "Q8_0"), ("Q2_K", "Q4_0"), ("BF16", "Q2_K")])
    let pairs = try #require(golden["pairs"]?.objectValue).entries.map { entry in
      let names = entry.key.split(separator: "+").map(String.init)
      let encoder = names[1] == "before" ? nil : models.encoder(names[1] == "f16" ? "F16" : names[1])
      let text = names[0] == "before" ? nil : models.text(names[0])
      return (entry.key, encoder: names[1], [text, encoder].compactMap { $0 }.joined(separator: ","), entry.value)
    }
    #expect(pairs.count == 19)
    let found = try PictureModels.measure(pairs.map(\.2))
    let shown = try #require(golden["pictures"]?.arrayValue)
    try #require(shown.count == found.pictures.count)
    for (picture, expected) in zip(found.pictures, shown) {
      #expect(picture.name == expected["file"]?.stringValue && picture.answer == expected["answer"]?.stringValue)
      let nll = try numbers(expected, "nll")
      #expect(picture.answerTokens.count == nll.count && picture.answerTokens.last == "<|im_end|>")
      for (own, other) in zip(picture.logLoss, nll) { #expect(abs(own - other) < 2e-5 + 1e-4 * other) }
      let information = try numbers(expected, "information")
      #expect(abs(picture.information - information.reduce(0, +) / Double(information.count)) < 1e-5)
    }
    for ((name, encoder, _, expected), own) in zip(pairs, found.after) {
      try check(own, name, expected, golden["towers"]?[encoder]?.arrayValue, shown)
      try checkAttribution(own, name, golden["pairs"])
    }
  }

  private func check(
    _ own: PictureFidelity, _ name: String, _ expected: OrderedJSON, _ encoder: [OrderedJSON]?, _ shown: [OrderedJSON]
  ) throws {
    for (estimate, key) in [(own.divergence, "kl_per_token"), (own.divergencePerPicture, "kl_per_picture")] {
      let value = try number(expected, key, "value")
      if value < 1e-9 {
        // So little is the rounding of the reference.
        #expect(estimate.value < 1e-9, "\(name) \(key): \(estimate.value)")
        continue
      }
      #expect(abs(estimate.value - value) < 1e-6, "\(name) \(key): \(estimate.value), not \(value)")
      // What is this small has few digits in float32.
      if value > 1e-4 {
        let error = try #require(estimate.standardError) / number(expected, key, "standard_error")
        #expect(abs(error - 1) < 2e-3, "\(name) \(key): \(error)")
      }
    }
    #expect(abs(own.top1Agreement.value - (try number(expected, "top1_agreement"))) < 1e-8, "\(name)")
    #expect(own.sameAnswers == Int(try number(expected, "same_answers")), "\(name)")
    let captions = try #require(own.captions)
    #expect(captions.count == 12)
    #expect(captions.exactBefore == Int(try number(expected, "caption_exact_before")))
    #expect(captions.exactAfter == Int(try number(expected, "caption_exact_after")), "\(name)")
    for (index, (answer, expected)) in zip(own.pictures, try #require(expected["pictures"]?.arrayValue)).enumerated() {
      let place = "\(name) \(index)"
      if let kl = expected["kl"]?.arrayValue?.compactMap(\.doubleValue) {
        try #require(kl.count == answer.divergence.count)
        for (a, b) in zip(answer.divergence, kl) { #expect(abs(a - b) < 2e-5 + 1e-3 * b, "\(place)") }
      } else {
        let mean = answer.divergence.reduce(0, +) / Double(answer.divergence.count)
        #expect(abs(mean - (try number(expected, "kl_mean"))) < 2e-6, "\(place)")
      }
      #expect(abs(answer.meanReverseDivergence - (try number(expected, "reverse_kl_mean"))) < 2e-6, "\(place)")
      #expect(abs(answer.top1Agreement - (try number(expected, "top1_agreement"))) < 1e-8, "\(place)")
      #expect(abs(answer.logLoss.reduce(0, +) - (try number(expected, "nll"))) < 1e-4, "\(place)")
      #expect(answer.firstDifference == Int(try number(expected, "first_difference")), "\(place)")
      let text = expected["answer"]?.stringValue
      #expect(
        answer.isSame == (text == nil) && answer.answer == text ?? shown[index]["answer"]?.stringValue, "\(place)")
      guard let rows = encoder?[index] else {
        #expect(answer.embedding == nil, "\(place)")
        continue
      }
      let embedding = try #require(answer.embedding)
      for (value, key) in [
        (embedding.leastCosine, "cosine_min"), (embedding.meanCosine, "cosine_mean"),
        (embedding.relativeError, "relative_error"), (embedding.meanError, "relative_error_mean"),
        (embedding.largestError, "relative_error_max"),
      ] { #expect(abs(value - (try number(rows, key))) < (key.hasPrefix("cos") ? 1e-6 : 1e-5), "\(place) \(key)") }
    }
    #expect(own.alarms.isEmpty == ((own.leastCosine ?? 1) >= 0.99), "\(name): \(own.alarms)")
  }

  private func checkAttribution(_ own: PictureFidelity, _ name: String, _ pairs: OrderedJSON?) throws {
    let names = name.split(separator: "+")
    guard names[0] != "before", names[1] != "before" else {
      #expect(own.attribution == nil, "\(name)")
      return
    }
    let parts = try #require(own.attribution)
    #expect(parts.both == own.divergence)
    let text = try number(pairs, "\(names[0])+before", "kl_per_token", "value")
    let vision = try number(pairs, "before+\(names[1])", "kl_per_token", "value")
    #expect(abs(parts.text.value - text) < 1e-6 && abs(parts.vision.value - vision) < 1e-6, "\(name)")
    #expect(abs(parts.interaction - (own.divergence.value - text - vision)) < 3e-6, "\(name)")
  }

  @Test("The vision encoder's rows are the reference's")
  func rows() throws {
    let golden = try GoldenTensors("golden/validate/picture-embeddings.safetensors")
    let reader = try PictureReader(OpenedModel(PictureModels.before))
    for picture in try ShownPicture.all([PictureModels.pictures]) {
      let patches = try reader.preprocessing.patches(of: PictureFile(picture.bytes, name: picture.name))
      let own = try reader.encoder.encode(patches, compute: Compute(threads: 2), observer: nil).rows.values
      let expected = try #require(golden.floats(picture.name + ".embeddings"), "\(picture.name)")
      try #require(own.count == expected.count)
      let largest = expected.map(abs).max() ?? 0
      #expect(zip(own, expected).allSatisfy { abs($0 - $1) < 2e-5 * largest }, "\(picture.name)")
    }
  }

  @Test("A model against itself loses nothing, and threads change no bit")
  func itself() throws {
    // By another path, so that everything is computed twice.
    let folder = try TemporaryFolder()
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("copy"), withDestinationPath: PictureModels.before)
    let models = try PictureModels([("Q2_K", "Q2_K"), ("BF16", "BF16")])
    let names = ["0002.png", "0005.png", "0009.png"].map { PictureModels.pictures + "/" + $0 }
    let after = [
      folder.file("copy"), models.text("BF16") + "," + models.encoder("BF16"),
      models.text("Q2_K") + "," + models.encoder("Q2_K"),
    ]
    let prompts = ["Describe the image.", "What is it?"]
    let one = try PictureModels.measure(after, pictures: names, prompts: prompts, threads: 1)
    #expect(one.pictures.count == 6)
    for own in one.after.prefix(2) {
      #expect(own.divergence.value == 0 && own.divergence.standardError == 0)
      #expect(own.reverseDivergence.value == 0 && own.divergencePerPicture.value == 0)
      #expect(own.top1Agreement.value == 1 && own.sameAnswers == 6 && own.level == .good)
      #expect(own.logLoss == own.logLossBefore && own.sightLost == 0 && own.alarms.isEmpty)
      let embeddings = own.pictures.compactMap(\.embedding)
      #expect(embeddings.count == 6 && embeddings.allSatisfy { $0.largestError == 0 && $0.leastCosine == 1 })
      let parts = try #require(own.attribution)
      #expect(parts.text.value == 0 && parts.vision.value == 0 && parts.interaction == 0)
    }
    // Several questions about a picture are not several pictures.
    #expect(one.after[2].divergencePerPicture.count == 3)
    for threads in [2, 7] {
      let many = try PictureModels.measure(after, pictures: names, prompts: prompts, threads: threads)
      for (a, b) in zip(one.after, many.after) {
        #expect(a.divergence == b.divergence && a.attribution?.text == b.attribution?.text)
        #expect(a.pictures.map(\.divergence) == b.pictures.map(\.divergence))
        #expect(a.pictures.map(\.embedding) == b.pictures.map(\.embedding))
        #expect(a.pictures.map(\.answer) == b.pictures.map(\.answer))
      }
      #expect(one.pictures.map(\.information) == many.pictures.map(\.information))
    }
  }
}
