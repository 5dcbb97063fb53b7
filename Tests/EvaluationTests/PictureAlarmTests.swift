import Base
import Containers
import Evaluation
import Foundation
import Quants
import Runtime
import TestSupport
import Testing

/// Faults that are planted into a model are told, whatever its mean divergence says.
@Suite("Alarms about pictures")
struct PictureAlarmTests {
  /// Writes a GGUF again with other bytes in some tensors, or other metadata.
  private func alter(
    _ source: String, to path: String, _ changes: [String: (inout [UInt8]) throws -> Void] = [:],
    metadata change: (inout Metadata) -> Void = { _ in }
  ) throws {
    let whole = try Containers.open(source)
    var metadata = whole.metadata
    change(&metadata)
    let writer = try GGUFWriter(
      path: path, metadata: metadata,
      tensors: whole.tensors.map { TensorDescription(name: $0.name, type: $0.type, shape: $0.shape) })
    for (index, entry) in whole.tensors.enumerated() {
      var bytes = try entry.withBytes { [UInt8]($0) }
      try changes[entry.name]?(&bytes)
      _ = try bytes.withUnsafeBytes { view in try writer.writeTensor(index, view) }
    }
    _ = try writer.finish()
  }

  /// Changes the numbers of an F32 tensor.
  private func floats(_ change: @escaping ([Float]) -> [Float]) -> (inout [UInt8]) -> Void {
    { bytes in
      let values = bytes.withUnsafeBytes { raw in
        (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
      }
      bytes = change(values).withUnsafeBytes { [UInt8]($0) }
    }
  }

  private func names(_ numbers: [String]) -> [String] { numbers.map { "\(PictureModels.pictures)/\($0).png" } }

  @Test("Another model's projector, and one whose position embeddings are laid out as they were before 2026")
  func encoders() throws {
    let models = try PictureModels([("BF16", "F32")])
    let good = models.encoder("F32")
    let (wrong, old) = (models.folder.file("mmproj-wrong.gguf"), models.folder.file("mmproj-old.gguf"))
    // Of the right shape, and trained apart: its last layer has another order.
    try alter(good, to: wrong, ["mm.2.weight": floats { $0.reversed() }])
    // Places were taken in the middles of cells, not from corner to corner; here for six rows and four columns of patches.
    let (side, width) = (8, 128)
    let resampled = floats { table in
      func place(_ index: Int, of count: Int) -> Double {
        let cell = Double(index) * Double(count - 1) / Double(side - 1)
        return min(Double(side - 1), max(0, (cell + 0.5) * Double(side) / Double(count) - 0.5))
      }
      return (0..<side * side * width).map { at in
        let (row, column, channel) = (at / width / side, at / width % side, at % width)
        let (y, x) = (place(row, of: 6), place(column, of: 4))
        let (top, left) = (min(side - 2, Int(y)), min(side - 2, Int(x)))
        let (down, across) = (Float(y - Double(top)), Float(x - Double(left)))
        func value(_ row: Int, _ column: Int) -> Float { table[(row * side + column) * width + channel] }
        return (value(top, left) * (1 - across) + value(top, left + 1) * across) * (1 - down)
          + (value(top + 1, left) * (1 - across) + value(top + 1, left + 1) * across) * down
      }
    }
    try alter(good, to: old, ["v.position_embd.weight": resampled])
    let found = try PictureModels.measure([good, wrong, old], pictures: names(["0000", "0009"]))
    #expect(found.after[0].alarms.isEmpty, "\(found.after[0].alarms)")
    let (other, outdated) = (found.after[1], found.after[2])
    #expect(other.alarms.count == 1 && other.alarms[0].contains("has a least cosine of -0."), "\(other.alarms)")
    #expect(other.leastCosine ?? 1 < 0.99 && other.divergence.value > 0.1)
    #expect(outdated.alarms.count == 1 && outdated.alarms[0].hasPrefix("the position embeddings of its vision encoder"))
    // A mean divergence says nothing of it here, nor would the cosine.
    #expect(outdated.divergence.value > 1e-4 && outdated.divergence.value < 0.01)
    // The text is that of the model before, so there is nothing to tell apart.
    #expect(found.after.allSatisfy { $0.attribution == nil })
  }

  @Test("Answers that are empty, and answers that do not end")
  func answers() throws {
    let models = try PictureModels([("BF16", "F32")])
    let (empty, endless) = (models.folder.file("empty.gguf"), models.folder.file("endless.gguf"))
    // The head is tied to the embeddings: what was the first word is the end, or the end is a rare word.
    func exchange(_ first: Int, _ second: Int) -> (inout [UInt8]) -> Void {
      { bytes in
        let row = 256 * 2
        for place in 0..<row { bytes.swapAt(first * row + place, second * row + place) }
      }
    }
    try alter(models.text("BF16"), to: empty, ["token_embd.weight": exchange(4002, 32)])
    try alter(models.text("BF16"), to: endless, ["token_embd.weight": exchange(4002, 3990)])
    let found = try PictureModels.measure([empty, endless], pictures: names(["0004", "0010"]), answerLimit: 64)
    #expect(found.after[0].alarms == ["empty answers where the model before says something: 2 of 2, such as 0004.png"])
    #expect(found.after[0].pictures.allSatisfy { $0.answer.isEmpty && $0.firstDifference == 0 && !$0.isSame })
    let alarms = found.after[1].alarms
    #expect(alarms.count == 1 && alarms[0].hasPrefix("answers without an end where the model before comes to one: "))
    #expect(found.after[1].level == .damaged && found.after[1].attribution == nil)
  }

  @Test("A chat template that is another one")
  func template() throws {
    let models = try PictureModels([("Q4_0", "F16")])
    let (swapped, bare) = (models.folder.file("swapped.gguf"), models.folder.file("bare.gguf"))
    let key = "tokenizer.chat_template"
    try alter(models.text("Q4_0"), to: swapped) { metadata in
      metadata[key] = metadata.string(key).map { .string($0.replacingOccurrences(of: "assistant", with: "model")) }
    }
    try alter(models.text("Q4_0"), to: bare) { $0[key] = nil }
    let found = try Validation.measure(
      before: OpenedModel(PictureModels.before),
      after: [models.text("Q4_0"), swapped, bare].map { try OpenedModel($0) },
      texts: [TextSource(name: "persuasion", bytes: try Fixtures.bytes("text/persuasion.txt"))], context: 64,
      windows: 2, threads: 2)
    #expect(found.after[0].alarms.isEmpty)
    #expect(found.after[1].alarms.first?.contains("another one") == true && found.after[1].alarms.count == 1)
    #expect(found.after[2].alarms.first?.contains("no chat template") == true)
  }

  @Test("A tokenizer that reads this text alike and others otherwise")
  func tokenizer() throws {
    let models = try PictureModels([("Q4_0", "F16")])
    let other = models.folder.file("other.gguf")
    let key = "tokenizer.ggml.merges"
    try alter(models.text("Q4_0"), to: other) { metadata in
      metadata.removeAll(prefix: "quern.")
      metadata[key] = metadata.strings(key).map { .array(.string(TextList($0.dropLast()))) }
    }
    let found = try Validation.measure(
      before: OpenedModel(PictureModels.before), after: [models.text("Q4_0"), other].map { try OpenedModel($0) },
      texts: [TextSource(name: "words", bytes: Array(String(repeating: "of the and to a in ", count: 60).utf8))],
      context: 64, windows: 1, threads: 2)
    #expect(found.after[0].alarms.isEmpty)
    #expect(found.after[1].alarms.count == 1 && found.after[1].alarms[0].contains("other tokens or merges"))
  }
}
