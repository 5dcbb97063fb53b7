import Base
import Containers
import Conversion
import Foundation
import Quants
import Runtime
import TestSupport
import Testing

/// Checkpoints whose savers named or laid out tensors in ways of their own.
struct SavedNameTests {
  private static let text = "model.language_model."

  /// The tensors and, but for the model's name, the metadata of both files that a folder becomes.
  private func outputs(_ model: AlteredModel) throws -> (sums: [String], metadata: [Metadata], notes: [String]) {
    let folder = try TemporaryFolder()
    let plan = try Conversion.plan(source: try model.write(), options: into(folder, .convert(to: nil)))
    _ = try plan.run(threads: 2)
    var sums: [String] = []
    var metadata: [Metadata] = []
    for name in ["model.gguf", "mmproj-model.gguf"] {
      let checkpoint = try Containers.open(folder.file(name))
      for tensor in checkpoint.tensors { sums.append("\(tensor.name) \(tensor.type) \(try sha256(tensor))") }
      var pairs = checkpoint.metadata
      pairs.remove("general.name")
      metadata.append(pairs)
    }
    return (sums, metadata, plan.notes)
  }

  private func renamed(_ rename: (String) -> String) throws -> AlteredModel {
    var model = try AlteredModel()
    for index in model.tensors.indices { model.tensors[index].name = rename(model.tensors[index].name) }
    return model
  }

  /// What each saver makes of a published name.
  private static func saved(_ name: String, by saver: String) -> String {
    let vision = name.hasPrefix("model.visual.") ? String(name.dropFirst(13)) : nil
    switch saver {
    case "repeated":
      if let vision { return text + "visual." + vision }
      return name.hasPrefix(text) ? text + "language_model.language_model." + name.dropFirst(text.count) : name
    case "vision": return vision.map { text + "visual." + $0 } ?? name
    case "peft": return "base_model.model." + name
    case "compile": return "_orig_mod." + name
    case "compiled layers": return name.replacing(".mlp.", with: "._orig_mod.mlp.")
    case "parallel": return "module._orig_mod." + name
    case "sharded": return name.replacing("layers.", with: "layers._fsdp_wrapped_module.")
    default: return name
    }
  }

  @Test func `names of known savers give the bytes of the published ones`() throws {
    let plain = try outputs(AlteredModel())
    // One conversion stands for all; the others differ in names only, which planning shows.
    let all = try outputs(
      renamed { Self.saved(Self.saved(Self.saved($0, by: "repeated"), by: "compile"), by: "peft") })
    #expect(all.sums == plain.sums && all.metadata == plain.metadata)
    for words in ["_orig_mod", "base_model.model", "repeated", "visual"] {
      #expect(all.notes.contains { $0.contains(words) }, "\(words): \(all.notes)")
    }
  }

  @Test(arguments: ["repeated", "vision", "peft", "compile", "compiled layers", "parallel", "sharded"])
  func `each saver's names are planned as the published ones`(saver: String) throws {
    func plan(_ model: AlteredModel) throws -> Plan {
      try Conversion.plan(source: try model.write(), options: .quantize(Recipe.named("Q8_0")))
    }
    let plain = try plan(AlteredModel())
    let other = try plan(renamed { Self.saved($0, by: saver) })
    #expect(other.notes.count > plain.notes.count, "\(other.notes)")
    for (a, b) in zip(plain.files, other.files) {
      #expect(a.tensors.map(\.name) == b.tensors.map(\.name))
      #expect(a.tensors.map { $0.sources[0].name } == b.tensors.map { $0.sources[0].name })
      #expect(a.tensors.map(\.type) == b.tensors.map(\.type))
    }
  }

  @Test func `a restored or evaluated model finds them too`() throws {
    let model = try renamed { Self.saved(Self.saved($0, by: "repeated"), by: "parallel") }
    let path = try model.write()
    let opened = try OpenedModel(path)
    #expect(opened.checkpoint[Self.text + "norm.weight"] != nil)
    #expect(opened.checkpoint.notes.count == 4, "\(opened.checkpoint.notes)")
    // What is only shown stays as it is.
    #expect(try Containers.open(path)[Self.text + "norm.weight"] == nil)
  }

  @Test func `two names that become one are refused`() throws {
    var model = try AlteredModel()
    let index = try #require(model.tensors.firstIndex { $0.name == Self.text + "norm.weight" })
    var twin = model.tensors[index]
    twin.name = "_orig_mod." + twin.name
    model.tensors.append(twin)
    let path = try model.write()
    for run in [{ _ = try OpenedModel(path) }, { _ = try Conversion.plan(source: path, options: .convert(to: nil)) }] {
      let error = #expect(throws: CheckpointError.self) { try run() }
      #expect(error?.code == .malformed && error?.message.contains("are both \(Self.text)norm.weight") == true)
    }
  }

  @Test func `rotary frequencies of text and vision are left out`() throws {
    var model = try AlteredModel()
    for name in ["model.language_model.rotary_emb.inv_freq", "model.visual.rotary_pos_emb.inv_freq"] {
      model.tensors.append(TestTensor(name: name, type: .f32, shape: [8], bytes: [UInt8](repeating: 0, count: 32)))
    }
    let plan = try Conversion.plan(source: try model.write(), options: .convert(to: nil))
    #expect(plan.notes.contains { $0.hasPrefix("2 tensors left out: rotary") }, "\(plan.notes)")
  }

  // MARK: Fused projections

  /// The tiny model with its projections fused as Qwen3-Next has them: for every key head its rows of each part.
  private func fused() throws -> AlteredModel {
    let (keyHeads, ratio, keyWidth, valueWidth) = (2, 2, 64, 64)
    var model = try AlteredModel()
    func fuse(_ parts: [(name: String, first: Int, rows: Int)], into name: String) throws {
      let places = try parts.map { part in try #require(model.tensors.firstIndex { $0.name == part.name }) }
      var bytes: [UInt8] = []
      let columns = model.tensors[places[0]].shape[1]
      for head in 0..<keyHeads {
        for (part, place) in zip(parts, places) {
          let start = (part.first + head * part.rows) * columns * 2
          bytes += model.tensors[place].bytes[start..<start + part.rows * columns * 2]
        }
      }
      let rows = bytes.count / columns / 2
      let tensor = TestTensor(name: name, type: .bf16, shape: [rows, columns], bytes: bytes)
      model.tensors.removeAll { tensor in parts.contains { $0.name == tensor.name } }
      model.tensors.append(tensor)
    }
    for layer in 0..<8 where layer % 4 != 3 {
      let stem = "\(Self.text)layers.\(layer).linear_attn.in_proj_"
      try fuse([(stem + "b.weight", 0, ratio), (stem + "a.weight", 0, ratio)], into: stem + "ba.weight")
      let (qkv, keys) = (stem + "qkv.weight", keyHeads * keyWidth)
      try fuse(
        [
          (qkv, 0, keyWidth), (qkv, keys, keyWidth), (qkv, 2 * keys, ratio * valueWidth),
          (stem + "z.weight", 0, ratio * valueWidth),
        ], into: stem + "qkvz.weight")
    }
    return model
  }

  @Test func `fused projections give the bytes of single ones`() throws {
    let plain = try outputs(AlteredModel())
    let model = try fused()
    #expect(!model.tensors.contains { $0.name.contains("in_proj_qkv.") || $0.name.contains("in_proj_a.") })
    let found = try outputs(model)
    #expect(found.sums == plain.sums && found.metadata == plain.metadata)
    #expect(found.notes.contains { $0.hasPrefix("12 fused projections taken apart") }, "\(found.notes)")
    let opened = try OpenedModel(model.write())
    let tiny = try Containers.open(tinyModel)
    for name in ["a", "b", "qkv", "z"].map({ "\(Self.text)layers.5.linear_attn.in_proj_\($0).weight" }) {
      let (whole, other) = (try tiny.tensor(name), try opened.checkpoint.tensor(name))
      #expect(whole.shape == other.shape)
      #expect(try whole.withBytes { Array($0) } == other.withBytes { Array($0) })
      // A range that begins and ends inside of rows that lie apart.
      let range = 300..<min(70_000, whole.byteCount - 10)
      var part = [UInt8](repeating: 0, count: range.count)
      try part.withUnsafeMutableBytes { try other.read(into: $0, at: range.lowerBound) }
      #expect(try whole.withBytes { Array($0[range]) } == part)
    }
  }

  @Test func `a fused tensor of another height, or beside its parts, is refused`() throws {
    var model = try fused()
    model.change("layers.1.linear_attn.in_proj_ba.weight") {
      $0.shape[0] -= 2
      $0.bytes.removeLast(2 * 2 * $0.shape[1])
    }
    let short = #expect(throws: CheckpointError.self) {
      _ = try Conversion.plan(source: try model.write(), options: .convert(to: nil))
    }
    #expect(short?.code == .mismatch && short?.tensor?.hasSuffix("layers.1.linear_attn.in_proj_ba.weight") == true)
    model = try fused()
    model.tensors += try AlteredModel().tensors.filter { $0.name.hasSuffix("layers.0.linear_attn.in_proj_a.weight") }
    let double = #expect(throws: CheckpointError.self) { _ = try OpenedModel(model.write()) }
    #expect(double?.message.contains("in_proj_a.weight, which is a part of it") == true)
  }
}
