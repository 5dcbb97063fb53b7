import Base
import Containers
import Conversion
import Evaluation
import Foundation
import Quants
import Runtime
import TestSupport
import Testing

/// Values that are not finite numbers, values that a type cannot hold, and matrices that say nothing.
struct DamagedValueTests {
  private let sources: TemporaryFolder

  init() throws { sources = try TemporaryFolder() }

  private static let damaged = "model.language_model.layers.7.mlp.down_proj.weight"

  private func model(_ value: Float) throws -> String {
    var model = try AlteredModel()
    model.change(Self.damaged) { $0.floats[1234] = value }
    return try model.write(into: sources)
  }

  /// Blocks were refused by name, and every plain type took a NaN without a word.
  @Test(arguments: [Float.nan, -.infinity], ["F32", "F16", "source", "Q8_0"])
  func `a value that is not finite is named before anything is written`(value: Float, type: String) throws {
    let folder = try TemporaryFolder()
    let source = try model(value)
    let options = into(folder, .convert(to: TensorType(name: type)))
    let error = #expect(throws: CheckpointError.self) { try convert(source, options) }
    #expect(error?.tensor == Self.damaged && error?.message.contains("value 1234 is") == true)
    #expect(error?.message.contains(value.isNaN ? "NaN" : "infinite") == true)
    let entry = try Containers.open(source).tensor(Self.damaged)
    #expect(error?.offset == entry.offset + 2468)
    #expect(folder.contents == [])
  }

  @Test func `a GGUF that is only copied is looked at too, split or whole`() throws {
    let folder = try TemporaryFolder()
    var options = into(folder, .convert(to: .bf16))
    options.vision = false
    try convert(tinyModel, options)
    try alterGGUF(
      folder.file("model.gguf"), to: folder.file("bad.gguf"),
      bytes: { name, bytes in
        if name == "blk.3.attn_k.weight" { (bytes[200], bytes[201]) = (0xC0, 0x7F) }
      })
    let splits: [UInt64?] = [nil, 4_000_000]
    for split in splits {
      var copy = into(folder, .convert(to: nil), "copy")
      copy.splitSize = split
      let error = #expect(throws: CheckpointError.self) { try convert(folder.file("bad.gguf"), copy) }
      #expect(error?.tensor == "blk.3.attn_k.weight" && error?.message.contains("value 100 is") == true)
    }
    // Nor does it come back into a folder.
    var back = ConversionOptions.convert(to: nil)
    back.target = .safetensors
    back.output = folder.file("back")
    let error = #expect(throws: CheckpointError.self) { try convert(folder.file("bad.gguf"), back) }
    #expect(error?.tensor == "blk.3.attn_k.weight")
    #expect(folder.contents == ["bad.gguf", "model.gguf"])
  }

  /// 1e6 became infinity in F16, in the text model and in the vision encoder.
  @Test func `a value that would become infinite is told`() throws {
    for (part, value, type, other) in [
      ("layers.7.mlp.down_proj", Float(1e6), "F16", "BF16 or F32"),
      ("blocks.1.mlp.linear_fc1.weight", -2e5, "F16", "F32"),
      ("layers.7.mlp.down_proj", 3.4e38, "BF16", "use F32"),
    ] {
      var model = try AlteredModel()
      model.change(part) { tensor in
        var values = tensor.floats
        values[7] = value
        tensor.type = .f32
        tensor.bytes = [UInt8](repeating: 0, count: values.count * 4)
        tensor.floats = values
      }
      let folder = try TemporaryFolder()
      let source = try model.write(into: sources)
      let options = into(folder, .convert(to: TensorType(name: type)))
      let error = #expect(throws: CheckpointError.self) { try convert(source, options) }
      #expect(error?.message.contains("value 7 is") == true && error?.message.contains(other) == true)
      #expect(error?.tensor?.contains(part) == true && folder.contents == [])
    }
    // A decay rate is made by a transform: -exp(100) is more than F32 holds.
    var model = try AlteredModel()
    model.change("layers.1.linear_attn.A_log") { $0.floats[2] = 100 }
    let folder = try TemporaryFolder()
    let source = try model.write(into: sources)
    let error = #expect(throws: CheckpointError.self) { try convert(source, into(folder, .convert(to: nil))) }
    #expect(error?.message.contains("would become -inf, which F32 cannot hold") == true && folder.contents == [])
  }

  @Test func `evaluate, generate and trace name the tensor`() throws {
    let folder = try TemporaryFolder()
    let source = try model(.nan)
    let text = Array(try Fixtures.bytes("text/persuasion.txt").prefix(2000))
    let error = #expect(throws: CheckpointError.self) {
      try Perplexity.measure(OpenedModel(source), text: text, context: 64, windows: 1, threads: 2)
    }
    #expect(error?.tensor == Self.damaged && error?.message.contains("value 1234 is not a number") == true)
    let generated = try CommandLineRun(["generate", source, "--prompt", "Anne", "--raw", "--tokens", "2"])
    #expect(generated.status == 2 && generated.errors.contains(Self.damaged), "\(generated.errors)")
    let traced = try CommandLineRun([
      "trace", source, "--prompt", "Anne", "--raw", "--output", folder.file("t.safetensors"),
    ])
    #expect(traced.status == 0 && traced.errors.contains(Self.damaged), "\(traced.errors)")
  }

  /// A preallocated download: room was made for a matrix, and its bytes never came.
  @Test func `matrices of one number are told, vectors are not`() throws {
    var model = try AlteredModel()
    model.change("layers.2.mlp.gate_proj") { $0.bytes = [UInt8](repeating: 0, count: $0.bytes.count) }
    model.change("layers.5.mlp.up_proj") { $0.floats = $0.floats.map { _ in 1 } }
    model.change("layers.5.post_attention_layernorm") { $0.floats = $0.floats.map { _ in 1 } }
    model.change("visual.blocks.0.attn.qkv.bias") { $0.floats = $0.floats.map { _ in 0 } }
    // One value that differs at the end is enough.
    model.change("layers.6.mlp.up_proj") { tensor in
      tensor.floats = tensor.floats.indices.map { $0 == tensor.floats.count - 1 ? 2 : 1 }
    }
    let source = try model.write(into: sources)
    let folder = try TemporaryFolder()
    let plan = try Conversion.plan(source: source, options: into(folder, .quantize(try .named("Q4_K_M"))))
    let note = try #require(plan.notes.first { $0.contains("one number") }, "\(plan.notes)")
    #expect(note.hasPrefix("in each of 2 matrices") && note.contains("layers.2.mlp.gate_proj.weight (0)"), "\(note)")
    #expect(note.contains("layers.5.mlp.up_proj.weight (1.0)") && !note.contains("norm") && !note.contains("bias"))
    #expect(try OpenedModel(source).notes.contains(note))
    // Quantized, a block of zeros has no zero bytes, and is known all the same.
    _ = try plan.run(threads: 2)
    #expect(try OpenedModel(folder.file("model.gguf")).notes.contains { $0.contains("blk.2.ffn_gate.weight (0)") })
    #expect(try Conversion.plan(source: tinyModel, options: into(folder, .convert(to: nil))).notes == [])
  }

  @Test func `a uniform matrix is looked at from its first weight to its last`() throws {
    let folder = try TemporaryFolder()
    for (last, expected) in [(Float(3), Float(3) as Float?), (4, nil)] {
      let writer = try GGUFWriter(
        path: folder.file("x.gguf"), metadata: Metadata([("general.architecture", .string("odd"))]),
        tensors: [TensorDescription(name: "a.weight", type: .f32, shape: Shape([3, 1 << 18]))], overwrite: true)
      var values = [Float](repeating: 3, count: 3 << 18)
      values[values.count - 1] = last
      try values.withUnsafeBytes { try writer.writeTensor(0, $0) }
      _ = try writer.finish()
      #expect(try WeightSearch.uniformValue(of: Containers.open(folder.file("x.gguf")).tensor("a.weight")) == expected)
    }
  }
}
