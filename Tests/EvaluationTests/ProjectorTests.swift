import Architectures
import Base
import Containers
import Conversion
import Foundation
import Quants
import Runtime
import TestSupport
import Testing

/// Projectors beside a GGUF: which one is used is told, and one that cannot fit is refused.
struct ProjectorTests {
  private let folder: TemporaryFolder
  private var model: String { folder.file("model.gguf") }
  private var projector: String { folder.file("mmproj-model.gguf") }

  init() throws {
    folder = try TemporaryFolder()
    var options = ConversionOptions.convert(to: .bf16)
    options.output = folder.file("model.gguf")
    _ = try Conversion.plan(source: Fixtures.path("tiny-qwen3.5"), options: options).run(threads: 2)
    let made = try #require(folder.contents.first { $0.hasPrefix("mmproj") })
    if made != "mmproj-model.gguf" {
      try FileManager.default.moveItem(atPath: folder.file(made), toPath: folder.file("mmproj-model.gguf"))
    }
  }

  /// Writes the projector, or the model, with other metadata and some more tensors.
  private func alter(
    _ source: String, to path: String, extra: [String] = [], _ change: (inout Metadata) -> Void
  ) throws {
    let whole = try Containers.open(source)
    var metadata = whole.metadata
    change(&metadata)
    let more = try extra.map { (name: $0, entry: try #require(whole.tensors.first)) }
    let tensors = whole.tensors.map { (name: $0.name, entry: $0) } + more
    let writer = try GGUFWriter(
      path: path + ".new", metadata: metadata,
      tensors: tensors.map { TensorDescription(name: $0.name, type: $0.entry.type, shape: $0.entry.shape) })
    for (index, item) in tensors.enumerated() { try writer.copyTensor(index, from: item.entry) }
    _ = try writer.finish()
    rename(path + ".new", path)
  }

  private func notes(vision: String? = nil) throws -> [String] {
    try PictureReader(OpenedModel(model), vision: vision).notes
  }

  @Test func `the projector that is used is told`() throws {
    #expect(try notes() == ["pictures are read with \(projector), made from the same folder as the model"])
    // Without the hash the names decide; writing them otherwise changes nothing.
    try alter(projector, to: folder.file("other.gguf")) { metadata in
      metadata[ProjectorMatch.configurationHashKey] = nil
      metadata["general.name"] = .string("TINY_Qwen3.5")
    }
    #expect(try notes(vision: folder.file("other.gguf")).first?.contains("like the model") == true)
    try alter(projector, to: folder.file("nameless.gguf")) { metadata in
      metadata[ProjectorMatch.configurationHashKey] = nil
      metadata["general.name"] = nil
    }
    #expect(try notes(vision: folder.file("nameless.gguf")).first?.hasSuffix("no name says whose it is") == true)
    let run = try CommandLineRun([
      "generate", model, "--prompt", "What?", "--tokens", "1", "--image",
      Fixtures.path("golden/tiny-qwen3.5/images/a-64x64.png"),
    ])
    #expect(run.status == 0 && run.errors.contains("note: pictures are read with"), "\(run.errors)")
  }

  @Test(arguments: ["general.name", "general.basename", "general.base_model.0.repo_url"])
  func `another name is told`(key: String) throws {
    try alter(model, to: model) { $0[key] = .string("Tiny Qwen3.5") }
    try alter(projector, to: projector) { metadata in
      metadata[ProjectorMatch.configurationHashKey] = .string("00")
      metadata[key] = .string("Another-9B")
    }
    let note = try #require(try notes().first)
    #expect(note.contains("its \(key) is Another-9B and the model's Tiny Qwen3.5"), "\(note)")
    #expect(note.contains("may belong to another model"))
  }

  @Test(arguments: [
    "projection_dim", "is_deepstack_layers", "block_count", "embedding_length", "attention.head_count",
    "spatial_merge_size",
  ])
  func `one of another shape is refused`(key: String) throws {
    try alter(projector, to: projector) { metadata in
      let key = "clip.vision." + key
      if let count = metadata.uint(key) {
        metadata[key] = .uint32(UInt32(clamping: count) * 2)
      } else {
        metadata[key] = .list([true, false] as [Bool])
      }
    }
    let error = #expect(throws: CheckpointError.self) { try notes() }
    #expect(error?.code == .mismatch && error?.message.contains("belongs to another model") == true, "\(error!)")
    #expect(error?.message.contains("clip.vision." + key) == true && error?.file == projector)
    // Joining the two into a folder asks the same.
    var options = ConversionOptions.convert(to: nil)
    options.target = .safetensors
    options.output = folder.file("back")
    #expect(throws: CheckpointError.self) {
      try Conversion.plan(source: model + "," + projector, options: options)
    }
  }

  @Test func `tensors that would be left out in silence are named`() throws {
    try alter(projector, to: projector, extra: ["v.deepstack.5.fc1.weight", "v.blk.99.ln1.weight"]) { _ in }
    let error = #expect(throws: CheckpointError.self) { try notes() }
    #expect(error?.message.contains("2 tensors such as v.deepstack.5.fc1.weight") == true, "\(error!)")
  }

  @Test func `a model that carries no configuration is judged by widths and names`() throws {
    try alter(model, to: model) { $0.removeAll(prefix: "quern.") }
    #expect(try notes().first?.contains("like the model") == true)
  }

  @Test func `damage in the projector is found where the model is whole`() throws {
    var done = false
    let whole = try Containers.open(projector)
    let writer = try GGUFWriter(
      path: projector, metadata: whole.metadata,
      tensors: whole.tensors.map { TensorDescription(name: $0.name, type: $0.type, shape: $0.shape) }, overwrite: true)
    for (index, entry) in whole.tensors.enumerated() {
      var bytes = try entry.withBytes { [UInt8]($0) }
      if entry.name == "mm.2.bias", !done {
        for place in 0..<4 { bytes[place] = 0xFF }
        done = true
      }
      try bytes.withUnsafeBytes { try writer.writeTensor(index, $0) }
    }
    _ = try writer.finish()
    let run = try CommandLineRun([
      "generate", model, "--prompt", "What?", "--tokens", "1", "--image",
      Fixtures.path("golden/tiny-qwen3.5/images/a-64x64.png"),
    ])
    #expect(run.status == 2 && run.errors.contains("tensor mm.2.bias"), "\(run.errors)")
  }
}
