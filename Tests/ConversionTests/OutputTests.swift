import Containers
import Conversion
import Foundation
import Quants
import TestSupport
import Base
import Testing

/// Outputs appear whole or not at all.
struct OutputTests {
  @Test func `an existing output is refused before any work`() throws {
    let folder = try TemporaryFolder()
    try Data("precious".utf8).write(to: URL(filePath: folder.file("mmproj-model.gguf")))
    let error = #expect(throws: CheckpointError.self) {
      try Conversion.plan(source: tinyModel, options: into(folder, .convert(to: .bf16))).check()
    }
    #expect(error?.code == .exists)
    #expect(folder.contents == ["mmproj-model.gguf"])
    var options = into(folder, .convert(to: .bf16))
    options.overwrite = true
    try convert(tinyModel, options)
    #expect(try Containers.open(folder.file("mmproj-model.gguf")).tensors.count == 58)
  }

  /// The source loses its end between planning and running, as on a disk that fails.
  @Test(arguments: [ConversionOptions.Target.gguf, .safetensors])
  func `a run that fails half-way leaves nothing`(target: ConversionOptions.Target) throws {
    let folder = try TemporaryFolder()
    let work = try TemporaryFolder()
    let source = work.file("source.gguf")
    try convert(tinyModel, into(work, .convert(to: .bf16), "source"))
    var options = target == .gguf ? into(folder, .quantize(try .named("Q8_0"))) : .convert(to: nil)
    options.target = target
    options.output = folder.file("output")
    let plan = try Conversion.plan(source: source, options: options)
    let handle = try FileHandle(forWritingTo: URL(filePath: source))
    try handle.truncate(atOffset: UInt64(try Data(contentsOf: URL(filePath: source)).count / 2))
    try handle.close()
    #expect(throws: CheckpointError.self) { try plan.run(threads: 3) }
    #expect(folder.contents == [])
  }

  @Test func `checksums are those of the files`() throws {
    let folder = try TemporaryFolder()
    var options = into(folder, .quantize(try .named("Q8_0")))
    options.checksums = folder.file("sums")
    let report = try convert(tinyModel, options)
    for file in report.files { #expect(try file.sha256 == sha256(file: file.path)) }
    let written = try Containers.open(folder.file("model.gguf"))
    for (name, sum) in report.files[0].tensors { #expect(try sum == sha256(try written.tensor(name))) }
    let text = String(decoding: try Data(contentsOf: URL(filePath: folder.file("sums"))), as: UTF8.self)
    #expect(text.contains("\(report.files[0].sha256 ?? "-")  \(folder.file("model.gguf"))\n"))
    #expect(text.split(separator: "\n").count == 2 + 123 + 58)
  }

  @Test func `the plan adds up to the files`() throws {
    let folder = try TemporaryFolder()
    let plan = try Conversion.plan(source: tinyModel, options: into(folder, .quantize(try .named("Q4_0"))))
    #expect(folder.contents == [])
    var last: UInt64 = 0
    let report = try plan.run { progress in
      #expect(progress.bytesDone > last)
      last = progress.bytesDone
    }
    #expect(plan.bytesOut == report.bytesOut)
    for file in report.files {
      let size = try FileManager.default.attributesOfItem(atPath: file.path)[.size] as? UInt64
      #expect(size == file.bytes)
    }
  }

  @Test func `parts can be left out`() throws {
    let folder = try TemporaryFolder()
    var options = into(folder, .convert(to: .bf16))
    (options.vision, options.mtp) = (false, false)
    try convert(tinyModel, options)
    #expect(folder.contents == ["model.gguf"])
    try convert(tinyModel, into(folder, .convert(to: .bf16), "full"))
    var strip = into(folder, .convert(to: nil), "stripped")
    strip.mtp = false
    try convert(folder.file("full.gguf"), strip)
    #expect(try fingerprint(folder.file("stripped.gguf")) == fingerprint(folder.file("model.gguf")))
    let metadata = try Containers.open(folder.file("stripped.gguf")).metadata
    #expect(metadata.uint("qwen35.block_count") == 8 && metadata["qwen35.nextn_predict_layers"] == nil)
  }
}
