import Base
import Evaluation
import Images
import Runtime
import TestSupport
import quern_cli

/// A validation with every part in it: what the engine measured, and the rest made by hand.
enum ReportSample {
  /// Measured once for all tests: two files against the tiny model on two short texts.
  static let measured = Result {
    let folder = try TemporaryFolder()
    let before = Fixtures.path("tiny-qwen3.5")
    var models: [String] = []
    for recipe in ["Q8_0", "Q2_K"] {
      models.append(folder.file("tiny-\(recipe).gguf"))
      let run = try CommandLineRun(
        ["quantize", before, recipe, "--output", folder.file("tiny-\(recipe).gguf"), "--quiet"])
      guard run.status == 0 else { throw CheckpointError(.fault, run.errors) }
    }
    let text = try Fixtures.bytes("text/persuasion.txt")
    return try Validation.measure(
      before: OpenedModel(before), after: try models.map { try OpenedModel($0) },
      texts: [
        TextSource(name: "prose.txt", bytes: Array(text.prefix(3_000))),
        TextSource(name: "more.txt", bytes: Array(text.dropFirst(9_000).prefix(3_000))),
      ], context: 32, windows: 3, threads: 2)
  }

  /// A report in which every text that comes from a file is what `name` makes of the one that would stand there.
  static func report(_ name: (String) -> String = { $0 }) throws -> Report {
    var validation = try measured.get()
    validation.before.name = name("models/tiny")
    for place in validation.texts.indices { validation.texts[place].name = name("texts/\(place).txt") }
    validation.pictures = (0..<5).map { place in
      ComparedPicture(
        name: name("\(place).png"), sha256: String(repeating: "ab", count: 32), width: 40 + place, height: 30,
        file: Thumbnail.png(Self.picture(40 + place, 30)) ?? [], prompt: name("What is it?"),
        answer: name("a red ball"),
        answerTokens: ["a", " red", " ball", "<|im_end|>"].map(name), logLoss: [0.1, 0.1, 0.2, 0.3],
        caption: name("one red ball"),
        information: Double(place))
    }
    for place in validation.after.indices {
      var result = validation.after[place]
      result.model.name = name("out/tiny-\(place).gguf")
      result.alarms = ["something is odd"]
      for position in result.worst.indices {
        result.worst[position].context = name(result.worst[position].context)
        result.worst[position].token = name(result.worst[position].token)
        result.worst[position].topBefore = result.worst[position].topBefore.map(name)
        result.worst[position].topAfter = result.worst[position].topAfter.map(name)
      }
      result.layers = (-1..<8).map { layer in
        let error = 0.01 * Double(place + 1) * Double(layer + 2)
        let rows = RowDifference(
          relativeError: error, medianError: error, meanError: error, largestError: 3 * error,
          meanCosine: 1 - error / 10,
          leastCosine: 1 - error)
        return LayerDrift(
          layer: layer, kind: layer < 0 ? .embedding : layer % 4 == 3 ? .attention : .linear, accumulated: rows,
          own: rows)
      }
      result.tensors = (0..<30).map { tensor in
        TensorDifference(
          name: name("blk.\(tensor).attn_q.weight"), isVision: false, typeBefore: name("BF16"), typeAfter: name("Q4_K"),
          count: 65_536, relativeError: 0.1 / Double(tensor + 1), cosine: 0.99, largestError: 0.02)
      }
      result.firstDifference = FirstDifference(length: 48, promptLength: 64, identical: [48, 3, 12, 48])
      result.pictures = Self.pictures(validation.pictures.count, error: 0.01 * Double(place + 1), name)
      validation.after[place] = result
    }
    return Report(
      validation: validation, failures: validation.after.map { _ in [name("over the limit")] },
      invocation: Invocation(
        command: ["quern", "validate", name("a b"), "it's"], kernels: "portable", machine: name("a machine"),
        time: "2026-01-02T03:04:05Z", files: [.init(name: name("tiny.gguf"), bytes: 5_000_000, sha256: "0123")]))
  }

  private static func pictures(_ count: Int, error: Double, _ name: (String) -> String) -> PictureFidelity {
    let sums = (0..<count).map { picture in WindowSum([Double](repeating: error * Double(picture + 1), count: 4)) { $0 }
    }
    let estimate = Estimate(sums, .logarithmic)
    let answers = (0..<count).map { place in
      PictureFidelity.Answer(
        divergence: [error / 20, error, error * 10, error * 100].map { $0 * Double(place + 1) },
        meanReverseDivergence: error,
        top1Agreement: 0.75, firstDifference: place % 2 == 0 ? 4 : 2,
        answer: name(place % 2 == 0 ? "a red ball" : "a blue ball"),
        isSame: place % 2 == 0, logLoss: [0.1, 0.2, 0.3, 0.4],
        embedding: RowDifference(
          relativeError: error, medianError: error, meanError: error, largestError: error, meanCosine: 0.999,
          leastCosine: 0.99))
    }
    return PictureFidelity(
      divergence: estimate, divergencePerPicture: estimate, reverseDivergence: estimate, top1Agreement: estimate,
      logLoss: estimate, logLossBefore: estimate, sightLost: 0.1, encoder: name("mmproj.gguf"), pictures: answers,
      attribution: .init(text: estimate, vision: estimate, both: estimate), captions: nil, level: .good, alarms: [])
  }

  /// A picture that is not of one colour.
  static func picture(_ width: Int, _ height: Int) -> Picture {
    var samples: [UInt8] = []
    for y in 0..<height {
      for x in 0..<width { samples += [UInt8(x * 5 & 255), UInt8(y * 7 & 255), UInt8((x ^ y) & 255)] }
    }
    return Picture(width: width, height: height, samples: samples)
  }
}
