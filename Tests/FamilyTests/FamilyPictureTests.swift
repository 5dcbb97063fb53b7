import Architectures
import Base
import Containers
import Conversion
import Engine
import Foundation
import Images
import Quants
import Runtime
import TestSupport
import Testing

@Suite("Families that see")
struct FamilyPictureTests {
  private static let pictures = Fixtures.path("golden/tiny-qwen3.5/images")

  @Test(
    "What is added behind layers follows its rows when a prompt is read in pieces",
    arguments: [[5, 9], [6, 7, 11], [30]])
  func pieces(cuts: [Int]) throws {
    let opened = try OpenedModel(FamilyGolden(name: "qwen3_vl").model)
    let reader = try PictureReader(opened)
    let compute = Compute(threads: 2)
    let prompt = try reader.prompt(
      "See", raw: false, pictures: ["\(Self.pictures)/b-160x96.png", "\(Self.pictures)/a-64x64.png"])
    let input = try reader.input(prompt, compute: compute)
    #expect(input.added.count == 2 && input.pictures.map(\.count) == [15, 4])
    func hidden(_ pieces: [Range<Int>], _ input: InputRows) throws -> [Float] {
      var state = opened.model.makeState(capacity: 0)
      var values: [Float] = []
      for piece in pieces { values += try opened.model.forward(input[piece], state: &state, compute: compute).values }
      return values
    }
    let whole = try hidden([0..<input.count], input)
    let ends = cuts + [input.count]
    #expect(try hidden(zip([0] + cuts, ends).map { $0..<$1 }, input) == whole)
    // The additions are something: without them other numbers come out.
    let plain = InputRows(input.embeddings, at: input.positions, pictures: input.pictures)
    #expect(try hidden([0..<input.count], plain) != whole)
  }

  @Test("A projector with another deep stack belongs to another model")
  func deepstack() throws {
    let folder = try TemporaryFolder()
    let family = FamilyGolden(name: "qwen3_vl")
    let text = try OpenedModel(family.converted(in: folder, "model.gguf", .convert(to: .bf16)))
    let good = try Containers.open(folder.file("mmproj-model.gguf"))
    #expect(throws: Never.self) { try PictureReader(text, projector: good) }
    let foreign = try OpenedModel(FamilyGolden.withoutOwnKeys(folder.file("model.gguf"), folder.file("foreign.gguf")))
    for flags in [
      [true, false, true], [true, false, false], [false, false, false], [true, true], [true, true, true],
    ] {
      var bad = good
      bad.metadata["clip.vision.is_deepstack_layers"] = .list(flags)
      let error = #expect(throws: CheckpointError.self) { try PictureReader(text, projector: bad) }
      let words = error?.description ?? ""
      #expect(words.contains("is_deepstack_layers"), "\(flags): \(words)")
      // Without its own configuration, the text model knows how many there are, and the tensors which.
      #expect(throws: CheckpointError.self) { try PictureReader(foreign, projector: bad) }
    }
    var bad = good
    bad.metadata["clip.projector_type"] = .string("gemma3")
    #expect(throws: CheckpointError.self) { try PictureReader(text, projector: bad) }
  }

  @Test("Gemma 3's parts are found under every prefix that programs give them", arguments: 0..<5)
  func names(variant: Int) throws {
    let source = try Containers.open(FamilyGolden(name: "gemma3").model)
    let prefixes = [
      ("language_model.model.", "language_model.model.", "model.language_model.", "model.language_model.", "model."),
      (
        "vision_tower.vision_model.", "vision_tower.", "model.vision_tower.vision_model.", "model.vision_tower.",
        "vision_tower."
      ),
      (
        "multi_modal_projector.", "multi_modal_projector.", "model.multi_modal_projector.",
        "model.multi_modal_projector.", "multi_modal_projector."
      ),
    ].map { [$0.0, $0.1, $0.2, $0.3, $0.4] }
    let renamed = source.with(
      tensors: source.tensors.map { tensor in
        let prefix = prefixes.first { tensor.name.hasPrefix($0[0]) } ?? ["", "", "", "", ""]
        return tensor.named(prefix[variant] + tensor.name.dropFirst(prefix[0].count))
      }, notes: [])
    let checkpoint = try Architectures.prepare(renamed)
    let model = try Architectures.open(checkpoint)
    #expect(model.parts == [.text, .vision])
    try RuleCheck(model.rules, checkpoint).check()
    #expect(RuleCheck(model.rules, checkpoint).strangers.isEmpty)
    #expect(checkpoint.tensors.count { model.part(of: $0.name) == .vision } == 39)
    // What is published has one name each.
    #expect(Set(model.rules.map { $0.name(in: .huggingFace) }) == Set(source.tensors.map(\.name)))
    let encoder = try #require(try model.visionEncoder(checkpoint))
    #expect(encoder.outputWidth == 64 && encoder.mergeSize == 4)
    let text = model.without(.vision)
    #expect(text.rules.contains { $0.name(in: .huggingFace) == "model.layers.0.self_attn.q_proj.weight" })
    #expect(try text.visionEncoder(checkpoint) == nil)
  }

  @Test("Without its encoder, Gemma 3 is written as a text model, under a text model's names")
  func textAlone() throws {
    let folder = try TemporaryFolder()
    let source = FamilyGolden(name: "gemma3").model
    var options = FamilyGolden.restoring
    (options.output, options.vision) = (folder.file("text"), false)
    let plan = try Conversion.plan(source: source, options: options)
    _ = try plan.run(threads: 1)
    let text = try Containers.open(folder.file("text"))
    #expect(text.tensors.count == 80 && text.tensors.allSatisfy { $0.name.hasPrefix("model.") })
    #expect(text.folder?.config?["model_type"]?.stringValue == "gemma3_text")
    #expect(text.folder?.config?["vision_config"] == nil)
    try RuleCheck(Architectures.open(Architectures.prepare(text)).rules, text).check()
  }

  @Test(
    "A config.json that is made anew says what the published one does",
    arguments: ["gemma3", "qwen3_vl", "qwen3_5_moe"])
  func madeAnew(name: String) throws {
    let folder = try TemporaryFolder()
    let family = FamilyGolden(name: name)
    let own = try Architectures.open(Architectures.prepare(Containers.open(family.model)))
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("model.safetensors"), withDestinationPath: family.path("model/model.safetensors"))
    let json = try own.configurationJSON().serialized(pretty: true)
    try Data(json).write(to: URL(filePath: folder.file("config.json")))
    let other = try Architectures.open(Architectures.prepare(Containers.open(folder.path)))
    let description = FileDescription(name: "x", sizeLabel: "1B", fileType: nil)
    #expect(other.textMetadata(description) == own.textMetadata(description))
    let projector = try #require(try own.visionMetadata(description, folder: nil))
    #expect(try other.visionMetadata(description, folder: nil) == projector)
    #expect(other.rules == own.rules)
    #expect(try other.configurationJSON() == own.configurationJSON())
    // What a projector says is enough for how pictures are prepared.
    let prepared = try #require(own.preprocessing(projector))
    let stored = try #require(own.preprocessorJSON(mmproj: projector))
    #expect(try Preprocessing(json: stored, over: try #require(own.preprocessing(Metadata()))) == prepared)
  }

  @Test("Squares are what Gemma 3's encoder reads, and nothing else")
  func squares() throws {
    let checkpoint = try Architectures.prepare(Containers.open(FamilyGolden(name: "gemma3").model))
    let model = try Architectures.open(checkpoint)
    let base = try #require(model.preprocessing(Metadata()))
    #expect(base.side == 112 && base.filter == .bilinear && base.mergeSize == 4)
    let patches = try base.patches(ofFiles: ["\(Self.pictures)/b-160x96.png", "\(Self.pictures)/a-64x64.png"])
    #expect(patches.shape == [2, 3, 112, 112] && patches.isWhole)
    let encoder = try #require(try model.visionEncoder(checkpoint))
    let seen = try encoder.encode(patches, compute: Compute(threads: 1), observer: nil)
    #expect(seen.rows.rows == 8 && seen.added.isEmpty)
    #expect(try encoder.encode(patches, compute: Compute(threads: 3), observer: nil).rows.values == seen.rows.values)
    let cut = try Preprocessing().patches(ofFiles: ["\(Self.pictures)/a-64x64.png"])
    #expect(throws: CheckpointError.self) { try encoder.encode(cut, compute: Compute(threads: 1), observer: nil) }
    for json: OrderedJSON in [
      .object(["size": .object(["height": .integer(224), "width": .integer(112)])]),
      .object(["do_pan_and_scan": .bool(true)]), .object(["resample": .integer(0)]),
    ] {
      #expect(throws: CheckpointError.self) { try Preprocessing(json: json, over: base) }
    }
  }

  @Test("A place for a picture is written out where its family writes more than a token")
  func markup() throws {
    let gemma = try #require(Architectures.all.first { $0.ggufName == "gemma3" }?.picture)
    let out = "\n\n<start_of_image><image_soft_token><end_of_image>\n\n"
    #expect(gemma.placed("What?", pictures: 2) == "<start_of_image><start_of_image>What?")
    #expect(gemma.placed("a <start_of_image> b", pictures: 1) == "a <start_of_image> b")
    #expect(gemma.writtenOut("a<start_of_image>b") == "a\(out)b")
    #expect(gemma.writtenOut(out) == out)
    let qwen = try #require(Architectures.all.first { $0.ggufName == "qwen3vl" }?.picture)
    #expect(qwen.placed("What?", pictures: 1) == "<|vision_start|><|image_pad|><|vision_end|>What?")
    #expect(qwen.writtenOut("a<|image_pad|>b") == "a<|image_pad|>b")
  }

  @Test("Tokens of a picture that follow each other like text")
  func line() throws {
    let patches = Patches(
      grids: [Patches.Grid(frames: 1, rows: 4, columns: 4)], values: [Float](repeating: 0, count: 16), width: 1)
    let line = PictureMarkup(before: "", token: "x", after: "", spansGrid: false)
    let prompt = try PicturePrompt([5, 9, 6], imageToken: 9, line, patches: patches, mergeSize: 2)
    #expect(prompt.tokens == [5, 9, 9, 9, 9, 6] && prompt.pictureTokens == [1..<5])
    #expect(prompt.positions == Positions(text: 6, from: 0))
  }
}
