import Architectures
import Base
import Containers
import Conversion
import Engine
import Evaluation
import Images
import Quants
import Runtime
import TestSupport
import Testing

/// One of the reference's prompts with pictures.
struct PictureCase: Sendable, CustomTestStringConvertible {
  let name: String
  let files: [String]
  var testDescription: String { name }

  static let all = [
    PictureCase(name: "image.a-64x64", files: ["a-64x64.png"]),
    PictureCase(name: "image.b-160x96", files: ["b-160x96.png"]),
    PictureCase(name: "image.c-150x137", files: ["c-150x137.png"]),
    PictureCase(name: "image.d-alpha", files: ["d-alpha.png"]),
    PictureCase(name: "image.e-photo-500x400", files: ["e-photo-500x400.jpg"]),
    PictureCase(name: "image.f-palette", files: ["f-palette.png"]),
    PictureCase(name: "image.g-grey", files: ["g-grey.png"]),
    PictureCase(name: "two-images", files: ["a-64x64.png", "b-160x96.png"]),
  ]

  var paths: [String] { files.map { Fixtures.path("golden/tiny-qwen3.5/images/" + $0) } }

  /// The prompt of the case, with one `<|image_pad|>` a picture.
  func prompt() throws -> String {
    let cases = try Fixtures.json("golden/tiny-qwen3.5/reference.json")["cases"]?.arrayValue
    return try #require(cases?.first { $0["name"]?.stringValue == name }?["prompt"]?.stringValue)
  }

  /// The reference's own pixel values.
  func patches(_ golden: GoldenTensors) throws -> Patches {
    let samples = try #require(golden.data("\(name).pixels"))
    let grid = try #require(golden.integers("\(name).grid_thw")).map { Int($0) }
    var values: [Float] = []
    for plane in stride(from: 0, to: samples.count, by: 256) {
      for _ in 0..<2 { values += samples[plane..<plane + 256].map { Float($0) / 127.5 - 1 } }
    }
    let grids = stride(from: 0, to: grid.count, by: 3).map {
      Patches.Grid(frames: grid[$0], rows: grid[$0 + 1], columns: grid[$0 + 2])
    }
    return Patches(grids: grids, values: values, width: 1536)
  }
}

@Suite("Pictures, against the reference")
struct VisionTests {
  static func golden() throws -> GoldenTensors {
    try GoldenTensors("golden/tiny-qwen3.5/activations-images.safetensors")
  }

  /// The largest difference, relative to the reference's largest magnitude; infinite where there is nothing to compare.
  static func difference(_ found: Trace.Value?, _ expected: [Float]?) -> Float {
    guard case .float32(let found)? = found, let expected, found.count >= expected.count else { return .infinity }
    var (worst, largest): (Float, Float) = (0, 0)
    // The fixture keeps the logits of the last tokens only.
    for (a, b) in zip(found.suffix(expected.count), expected) {
      worst = (a - b).isNaN ? .infinity : max(worst, abs(a - b))
      largest = max(largest, abs(b))
    }
    return worst / largest
  }

  /// Walks the stages in order and stops at the first that differs.
  static func check(_ trace: Trace, _ item: PictureCase, _ golden: GoldenTensors, within limit: Float) throws {
    #expect(trace["input_ids"]?.value == golden.integers("\(item.name).input_ids").map { .int32($0) })
    #expect(trace["position_ids"]?.value == golden.integers("\(item.name).position_ids").map { .int32($0) })
    #expect(trace["grid_thw"]?.value == golden.integers("\(item.name).grid_thw").map { .int32($0) })
    let stages =
      ["vision.patch_embed"] + (0..<4).map { "vision.block.\($0)" } + [
        "vision.merged", "layer.0", "layer.3", "layer.7",
      ]
    for stage in stages {
      let found = difference(trace[stage]?.value, golden.floats("\(item.name).\(stage)"))
      try #require(found < limit, "\(item.name) \(stage): \(found)")
    }
    let found = difference(trace["logits"]?.value, golden.floats("\(item.name).logits.last"))
    #expect(found < limit, "\(item.name) logits: \(found)")
  }

  static func answer(_ opened: OpenedModel, _ reader: PictureReader, _ prompt: PicturePrompt, count: Int) throws
    -> [Int32]
  {
    let compute = Compute(threads: 2)
    var session = Session(model: opened.model, compute: compute)
    try session.read(reader.input(prompt, compute: compute))
    var greedy = Sampler()
    return try session.generate(count, sampler: &greedy, stop: [])
  }

  @Test("Every stage and the answer, from the reference's pixel values and from the file", arguments: PictureCase.all)
  func stages(item: PictureCase) throws {
    let golden = try Self.golden()
    let opened = try OpenedModel(Fixtures.path("tiny-qwen3.5"))
    let reader = try PictureReader(opened)
    let compute = Compute(threads: 2)
    let fed = try reader.prompt(item.prompt(), raw: true, patches: item.patches(golden))
    try Self.check(
      Trace(fed, reader: reader, model: opened.model, compute: compute), item, golden, within: 2e-5)
    let read = try reader.prompt(item.prompt(), raw: true, pictures: item.paths)
    try Self.check(
      Trace(read, reader: reader, model: opened.model, compute: compute), item, golden, within: 2e-5)
    let expected = try #require(golden.integers("\(item.name).generated"))
    #expect(try Self.answer(opened, reader, read, count: expected.count) == expected)
  }

  /// The tiny model as `tiny.gguf` in BF16, its vision encoder as `mmproj-tiny.gguf`.
  static func convert(into folder: TemporaryFolder, visionType: String) throws {
    var options = ConversionOptions.convert(to: .bf16)
    options.visionType = TensorType(name: visionType)
    options.output = folder.file("tiny.gguf")
    options.visionOutput = folder.file("mmproj-tiny.gguf")
    _ = try Conversion.plan(source: Fixtures.path("tiny-qwen3.5"), options: options).run(threads: 2)
  }

  @Test("From a GGUF and its projector: the same answers", arguments: ["F32", "F16", "BF16", "Q8_0"])
  func projector(type: String) throws {
    let golden = try Self.golden()
    let folder = try TemporaryFolder()
    try Self.convert(into: folder, visionType: type)
    let opened = try OpenedModel(folder.file("tiny.gguf"))
    let reader = try PictureReader(opened)
    for item in PictureCase.all {
      let prompt = try reader.prompt(item.prompt(), raw: true, pictures: item.paths)
      if type == "F32" {
        try Self.check(
          Trace(prompt, reader: reader, model: opened.model, compute: Compute(threads: 2)), item, golden, within: 2e-5)
      }
      let expected = try #require(golden.integers("\(item.name).generated"))
      #expect(try Self.answer(opened, reader, prompt, count: expected.count) == expected, "\(item.name)")
    }
  }

  @Test(
    "A projector of k-quants: where rows have no whole blocks, a type with smaller ones; positions and patches kept",
    arguments: [("Q6_K", "Q8_0", Float(0.1)), ("Q4_K", "Q5_0", Float(0.5))])
  func kQuants(type: String, smaller: String, limit: Float) throws {
    let golden = try Self.golden()
    let folder = try TemporaryFolder()
    try Self.convert(into: folder, visionType: type)
    let projector = try Containers.open(folder.file("mmproj-tiny.gguf"))
    #expect(projector["mm.0.weight"]?.type.name == type)  // rows of 512
    #expect(projector["v.blk.0.attn_qkv.weight"]?.type.name == smaller)  // rows of 128
    #expect(projector["v.position_embd.weight"]?.type == .f32)
    #expect(projector["v.patch_embd.weight"]?.type.isBlock == false)
    let opened = try OpenedModel(folder.file("tiny.gguf"))
    let reader = try PictureReader(opened)
    let item = PictureCase.all[1]
    let prompt = try reader.prompt(item.prompt(), raw: true, pictures: item.paths)
    let trace = try Trace(prompt, reader: reader, model: opened.model, compute: Compute(threads: 2))
    let found = Self.difference(trace["vision.merged"]?.value, golden.floats("\(item.name).vision.merged"))
    #expect(found > 0 && found < limit, "\(found)")
  }

  @Test("A vision type that would do nothing is refused")
  func idleVisionType() throws {
    let folder = try TemporaryFolder()
    try Self.convert(into: folder, visionType: "F16")
    var options = ConversionOptions.convert(to: .bf16)
    options.output = folder.file("again.gguf")
    options.visionType = .f16
    #expect(throws: CheckpointError.self) {
      try Conversion.plan(source: folder.file("tiny.gguf"), options: options)
    }
    options.target = .safetensors
    #expect(throws: CheckpointError.self) {
      try Conversion.plan(source: folder.file("tiny.gguf"), options: options)
    }
  }

  @Test("Threads change no bit")
  func threads() throws {
    let item = PictureCase.all[4]
    let opened = try OpenedModel(Fixtures.path("tiny-qwen3.5"))
    let reader = try PictureReader(opened)
    let patches = try item.patches(Self.golden())
    let one = try reader.encoder.encode(patches, compute: Compute(threads: 1), observer: nil)
    let three = try reader.encoder.encode(patches, compute: Compute(threads: 3), observer: nil)
    #expect(one.rows.values == three.rows.values)
  }

  @Test("Prompts and projectors that do not fit are refused in words")
  func refusals() throws {
    let opened = try OpenedModel(Fixtures.path("tiny-qwen3.5"))
    let reader = try PictureReader(opened)
    let paths = PictureCase.all[0].paths
    #expect(throws: CheckpointError.self) { try reader.prompt("no place", raw: true, pictures: paths) }
    #expect(throws: CheckpointError.self) { try reader.prompt("<|image_pad|>", raw: true, pictures: []) }
    let turn = try reader.prompt("Describe the image.", raw: false, pictures: paths)
    #expect(turn.tokens == (try Self.golden().integers("image.a-64x64.input_ids")))
    let folder = try TemporaryFolder()
    var options = ConversionOptions.convert(to: .bf16)
    options.output = folder.file("tiny.gguf")
    options.vision = false
    _ = try Conversion.plan(source: Fixtures.path("tiny-qwen3.5"), options: options).run(threads: 2)
    let text = try OpenedModel(folder.file("tiny.gguf"))
    #expect {
      _ = try PictureReader(text)
    } throws: { error in
      (error as? CheckpointError)?.remedy == .nameVision
    }
    #expect {
      _ = try PictureReader(text, vision: folder.file("tiny.gguf"))
    } throws: { error in
      "\(error)".contains("not a projector")
    }
  }
}
