import Containers
import Foundation
import Quants
import Base
import TestSupport
import Testing

/// Text that is not UTF-8 in the values of a GGUF, and zeros behind its tensors: llama.cpp loads both.
@Suite struct ForeignTextTests {
  private static let author: [UInt8] = Array("Ren".utf8) + [0xE9] + Array("e".utf8)

  private func file(
    _ folder: TemporaryFolder, metadata: Metadata, tensors: Int = 1, then bytes: [UInt8] = []
  ) throws -> String {
    let path = folder.file("model.gguf")
    let tensor = TensorDescription(name: "a.weight", type: .f32, shape: Shape([2, 32]))
    let writer = try GGUFWriter(
      path: path, metadata: metadata, tensors: [TensorDescription](repeating: tensor, count: tensors))
    for index in 0..<tensors {
      try [UInt8](repeating: 1, count: 256).withUnsafeBytes { try writer.writeTensor(index, $0) }
    }
    _ = try writer.finish()
    guard !bytes.isEmpty else { return path }
    let handle = try FileHandle(forWritingTo: URL(filePath: path))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data(bytes))
    try handle.close()
    return path
  }

  private var metadata: Metadata {
    var tokens: TextList = ["a", "b"]
    tokens.append(utf8: [0xE4, 0xB8][...])
    return Metadata([
      ("general.architecture", .string("x")), ("general.author", .bytes(Self.author)),
      ("tokenizer.ggml.tokens", .array(.string(tokens))), ("x.nested", .array(.array([.string(tokens)]))),
    ])
  }

  @Test func `the bytes are kept and told of`() throws {
    let folder = try TemporaryFolder()
    let checkpoint = try Containers.open(file(folder, metadata: metadata))
    #expect(checkpoint.metadata == metadata)
    #expect(checkpoint.metadata.string("general.author") == nil)
    #expect(checkpoint.metadata.texts("tokenizer.ggml.tokens")?.utf8(2).elementsEqual([0xE4, 0xB8]) == true)
    #expect(checkpoint.notes.count == 1 && checkpoint.notes[0].contains("general.author is not UTF-8"))
    guard case .array(let tokens)? = checkpoint.metadata["tokenizer.ggml.tokens"] else {
      Issue.record("no tokens")
      return
    }
    #expect(tokens[0] == .string("a") && tokens[2] == .bytes([0xE4, 0xB8]))
  }

  @Test func `a file with such text is written again byte for byte`() throws {
    let folder = try TemporaryFolder()
    for (tensors, more) in [(1, [UInt8](repeating: 0, count: 5000)), (0, [UInt8](repeating: 0, count: 77)), (1, [])] {
      try? FileManager.default.removeItem(atPath: folder.file("model.gguf"))
      let path = try file(folder, metadata: metadata, tensors: tensors, then: more)
      let checkpoint = try Containers.open(path)
      #expect(checkpoint.notes.contains { $0.contains("zero bytes follow the last tensor") } == !more.isEmpty)
      let copy = folder.file("copy.gguf")
      let writer = try GGUFWriter.copy(
        try #require(checkpoint.gguf?.shards.first), to: copy, overwrite: true, checksums: false)
      _ = try writer.finish()
      #expect(try Data(contentsOf: URL(filePath: copy)) == Data(contentsOf: URL(filePath: path)))
    }
  }

  @Test func `bytes that are not zero behind the last tensor stay refused`() throws {
    let folder = try TemporaryFolder()
    for bytes in [[UInt8](repeating: 0, count: 4095) + [1], [1]] {
      try? FileManager.default.removeItem(atPath: folder.file("model.gguf"))
      let path = try file(folder, metadata: metadata, then: bytes)
      let error = #expect(throws: CheckpointError.self) { try Containers.open(path) }
      #expect(error?.message == "\(bytes.count) bytes follow the last tensor and belong to nothing")
    }
    // A gigabyte of nothing is not read to its end.
    let path = folder.file("model.gguf")
    try? FileManager.default.removeItem(atPath: path)
    _ = try file(folder, metadata: metadata)
    let handle = try FileHandle(forWritingTo: URL(filePath: path))
    try handle.truncate(atOffset: 1 << 30)
    try handle.close()
    #expect(throws: CheckpointError.self) { try Containers.open(path) }
  }

  @Test(arguments: [
    ([0x61], "a"), ([0xE9], "\\xe9"), ([0x61, 0xED, 0xA0, 0x80, 0x62], "a\\xed\\xa0\\x80b"),
    ([0xE4, 0xB8], "\\xe4\\xb8"), ([0xE4, 0xB8, 0xAD], "中"), ([], ""), ([0x0F, 0xFF], "\u{F}\\xff"),
  ])
  func `bytes are shown as escapes`(bytes: [UInt8], text: String) {
    #expect(bytes.withUnsafeBytes { textWithBytesShown($0) } == text)
    #expect(MetadataValue(text: bytes) == (text.contains("\\x") ? .bytes(bytes) : .string(text)))
  }
}
