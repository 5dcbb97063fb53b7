import Containers
import Conversion
import Quants
import TestSupport
import Base
import Testing

/// GGUFs as they are found in the wild, whose metadata and tensors disagree.
struct GGUFSourceTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    var options = into(folder, .convert(to: .bf16), "whole")
    options.vision = false
    try convert(tinyModel, options)
  }

  /// Writes the whole model's GGUF with other metadata and without some tensors.
  private func alter(
    _ name: String, _ change: (inout Metadata) -> Void = { _ in }, rename: (String) -> String? = { $0 }
  ) throws -> String {
    let whole = try Containers.open(folder.file("whole.gguf"))
    var metadata = whole.metadata
    change(&metadata)
    let kept = whole.tensors.compactMap { entry in rename(entry.name).map { (name: $0, entry: entry) } }
    let writer = try GGUFWriter(
      path: folder.file(name), metadata: metadata,
      tensors: kept.map { TensorDescription(name: $0.name, type: $0.entry.type, shape: $0.entry.shape) },
      overwrite: true)
    for (index, item) in kept.enumerated() { try writer.copyTensor(index, from: item.entry) }
    _ = try writer.finish()
    return folder.file(name)
  }

  private func blocks(_ path: String) throws -> (count: UInt64?, mtp: UInt64?, flags: [Bool]?, tensors: Bool) {
    let file = try Containers.open(path)
    return (
      file.metadata.uint("qwen35.block_count"), file.metadata.uint("qwen35.nextn_predict_layers"),
      file.metadata.bools("qwen35.attention.recurrent_layers"), file["blk.8.nextn.eh_proj.weight"] != nil
    )
  }

  private static func without(_ name: String) -> String? { name.hasPrefix("blk.8.") ? nil : name }

  private func options(_ recipe: String?, _ output: String, mtp: Bool = true) throws -> ConversionOptions {
    var options = try recipe.map { ConversionOptions.quantize(try .named($0)) } ?? .convert(to: nil)
    options.output = folder.file(output)
    options.mtp = mtp
    return options
  }

  @Test(arguments: [nil, "Q4_0"], [true, false])
  func `an MTP block that a GGUF announces and lacks is announced no more`(recipe: String?, mtp: Bool) throws {
    let source = try alter("odd.gguf", rename: Self.without)
    let plan = try Conversion.plan(source: source, options: try options(recipe, "out.gguf", mtp: mtp))
    #expect(plan.notes.contains { $0.contains("corrected") && $0.contains("qwen35.block_count") })
    _ = try plan.run(threads: 2)
    let result = try blocks(folder.file("out.gguf"))
    #expect(result.count == 8 && result.mtp == nil && result.flags?.count == 8 && !result.tensors)
  }

  @Test(arguments: [nil, "Q4_0"], [9, 8])
  func `an MTP block that a GGUF has and does not announce is announced`(recipe: String?, count: UInt32) throws {
    for value in [MetadataValue.uint32(0), nil] {
      let source = try alter("odd.gguf") { metadata in
        metadata["qwen35.nextn_predict_layers"] = value
        metadata["qwen35.block_count"] = .uint32(count)
        if count == 8 {
          let flags = metadata.bools("qwen35.attention.recurrent_layers") ?? []
          metadata["qwen35.attention.recurrent_layers"] = .list(Array(flags.dropLast()))
        }
      }
      var options = try options(recipe, "out.gguf")
      options.overwrite = true
      let plan = try Conversion.plan(source: source, options: options)
      #expect(plan.notes.contains { $0.contains("corrected") && $0.contains("qwen35.nextn_predict_layers") })
      _ = try plan.run(threads: 2)
      let result = try blocks(folder.file("out.gguf"))
      #expect(result.count == 9 && result.mtp == 1 && result.flags?.count == 9 && result.tensors)
      options.mtp = false
      try convert(source, options)
      let without = try blocks(folder.file("out.gguf"))
      #expect(without.count == 8 && without.mtp == nil && without.flags?.count == 8 && !without.tensors)
    }
  }

  @Test(arguments: ["blk.3.ffn_up.weight", "blk.8.ffn_up.weight", "blk.8.nextn.eh_proj.weight", "output_norm.weight"])
  func `a missing tensor of a known family is refused by name`(name: String) throws {
    let source = try alter("odd.gguf", rename: { $0 == name ? nil : $0 })
    let block = name.hasPrefix("blk.8.")
    for recipe in [nil, "Q4_0"] {
      let error = #expect(throws: CheckpointError.self) { try convert(source, try options(recipe, "out.gguf")) }
      #expect(error?.isOfInput == true && error?.message.contains("1 tensor is missing: \(name)") == true)
      #expect((error?.remedy == .leaveOutMTP) == block)
    }
    guard block else { return }
    try convert(source, try options(nil, "out.gguf", mtp: false))
    #expect(try blocks(folder.file("out.gguf")).count == 8)
  }

  @Test func `a tensor without a place in a known family is refused, in an unknown one kept`() throws {
    func rename(_ name: String) -> String { name.replacing("blk.3.ffn_up", with: "blk.3.ffn_upp") }
    let source = try alter("odd.gguf", rename: rename)
    let error = #expect(throws: CheckpointError.self) { try convert(source, try options("Q4_0", "out.gguf")) }
    #expect(error?.message.contains("blk.3.ffn_up.weight; similar names there: blk.3.ffn_upp.weight") == true)
    let other = try alter("other.gguf", { $0["general.architecture"] = .string("odd") }, rename: rename)
    try convert(other, try options("Q4_0", "out.gguf"))
    #expect(try Containers.open(folder.file("out.gguf"))["blk.3.ffn_upp.weight"]?.type.name == "Q4_0")
  }

  @Test func `a consistent file without MTP stays byte identical`() throws {
    try convert(folder.file("whole.gguf"), try options(nil, "less.gguf", mtp: false))
    for value in [MetadataValue.uint32(0), nil] {
      let less = try Containers.open(folder.file("less.gguf"))
      var metadata = less.metadata
      metadata["qwen35.nextn_predict_layers"] = value
      let writer = try GGUFWriter(
        path: folder.file("source.gguf"), metadata: metadata,
        tensors: less.tensors.map { TensorDescription(name: $0.name, type: $0.type, shape: $0.shape) }, overwrite: true)
      for (index, entry) in less.tensors.enumerated() { try writer.copyTensor(index, from: entry) }
      _ = try writer.finish()
      var options = try options(nil, "copy.gguf")
      options.overwrite = true
      try convert(folder.file("source.gguf"), options)
      #expect(try sha256(file: folder.file("copy.gguf")) == sha256(file: folder.file("source.gguf")))
    }
  }
}
