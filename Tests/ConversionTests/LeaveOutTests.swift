import Base
import Containers
import Conversion
import Quants
import Runtime
import TestSupport
import Testing

/// Tensors that have no place in a model, and leaving them out.
struct LeaveOutTests {
  private func foreign() throws -> AlteredModel {
    var model = try AlteredModel()
    for name in ["score.weight", "model.language_model.layers.3.self_attn.k_proj.k_scale", "step"] {
      model.tensors.append(TestTensor(name: name, type: .f32, shape: [8], bytes: [UInt8](repeating: 0, count: 32)))
    }
    return model
  }

  private func options(_ patterns: String...) -> ConversionOptions {
    var options = ConversionOptions.convert(to: nil)
    options.leaveOut = patterns
    return options
  }

  private func error(_ source: String, _ options: ConversionOptions) -> CheckpointError? {
    #expect(throws: CheckpointError.self) { _ = try Conversion.plan(source: source, options: options) }
  }

  @Test func `what has no place is refused with the way out, and left out as asked`() throws {
    let model = try foreign()
    let path = try model.write()
    let refused = error(path, options())
    #expect(refused?.message.contains("3 tensors have no place in this family") == true)
    #expect(refused?.remedy == .leaveOut("score.weight"))
    let rest = error(path, options("k_scale$"))
    #expect(rest?.message.contains("2 tensors have no place in this family: score.weight, step") == true)

    let opened = try OpenedModel(path)
    #expect(
      opened.notes.contains {
        $0.hasPrefix("3 tensors of the file have no place in this family and are not used: score.weight")
      }, "\(opened.notes)")

    let folder = try TemporaryFolder()
    let plan = try Conversion.plan(source: path, options: into(folder, options("_scale$", "^score", "step")))
    #expect(plan.notes.contains { $0.hasPrefix("3 tensors left out as asked: score.weight") })
    _ = try plan.run(threads: 2)
    let written = try Containers.open(folder.file("model.gguf"))
    #expect(written.metadata.strings("quern.left_out")?.sorted().last == "step")
    #expect(written.tensors.count == 123)
  }

  @Test func `patterns that match nothing or too much are wrong usage`() throws {
    let model = try foreign()
    let path = try model.write()
    let nothing = error(path, options("scor$"))
    #expect(nothing?.code == .usage && nothing?.message.contains("matches no tensor") == true)
    #expect(nothing?.message.contains("score.weight") == true, "\(nothing?.message ?? "")")
    for pattern in ["weight", "blk.3.attn_q.weight", "embed_tokens"] {
      let needed = error(path, options(pattern))
      #expect(needed?.code == .usage && needed?.message.contains("which the model needs") == true, "\(pattern)")
    }
    #expect(error(path, options("^mtp"))?.remedy == .leaveOutMTP)
    #expect(error(path, options("^v\\.blk"))?.remedy == .leaveOutVision)
    #expect(error(path, options("(["))?.code == .usage)
    #expect(error(tinyModel, options("score"))?.message.contains("there is none to leave out") == true)
  }

  @Test func `of a GGUF too, known or not, and on the way back`() throws {
    let folder = try TemporaryFolder()
    try convert(tinyModel, into(folder, .convert(to: nil), "plain"))
    let plain = try Containers.open(folder.file("plain.gguf"))
    func write(_ architecture: String) throws -> String {
      var metadata = plain.metadata
      metadata["general.architecture"] = .string(architecture)
      let path = folder.file(architecture + ".gguf")
      let extra = TensorDescription(name: "score.weight", type: .f32, shape: Shape([8]))
      let writer = try GGUFWriter(
        path: path, metadata: metadata,
        tensors: plain.tensors.map { TensorDescription(name: $0.name, type: $0.type, shape: $0.shape) } + [extra])
      for (index, tensor) in plain.tensors.enumerated() {
        try tensor.withBytes { (bytes) throws(CheckpointError) in try writer.writeTensor(index, bytes) }
      }
      try [UInt8](repeating: 0, count: 32).withUnsafeBytes { try writer.writeTensor(plain.tensors.count, $0) }
      _ = try writer.finish()
      return path
    }
    for architecture in ["qwen35", "other"] {
      let source = try write(architecture)
      try convert(source, into(folder, options("score"), "out-" + architecture))
      let written = try Containers.open(folder.file("out-\(architecture).gguf"))
      #expect(written.tensors.map(\.name) == plain.tensors.map(\.name))
      #expect(written.metadata.strings("quern.left_out") == ["score.weight"])
    }
    var back = options("score")
    back.target = .safetensors
    #expect(try Conversion.plan(source: folder.file("qwen35.gguf"), options: back).files.count == 1)
    back.leaveOut = []
    #expect(error(folder.file("qwen35.gguf"), back)?.message.contains("score.weight") == true)
  }
}
