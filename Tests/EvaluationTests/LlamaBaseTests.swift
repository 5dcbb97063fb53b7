import Base
import Engine
import Evaluation
import Foundation
import Quants
import Runtime
import TestSupport
import Testing

/// Base files of llama-perplexity, against a file and figures that another program made (`scripts/generate/llama_base.py`).
@Suite("Base files of llama-perplexity")
struct LlamaBaseTests {
  private let path = Fixtures.path("golden/validate/llama-base.kld")

  @Test("Rows are the reference's")
  func rows() throws {
    let expected = try Fixtures.json("golden/validate/llama-base.json")
    let whole = try #require(Fixtures.json("golden/validate/rows.json")["rows"]?.arrayValue)
    let after = try #require(GoldenTensors("golden/validate/rows.safetensors").floats("after"))
    let tokens = try #require(expected["tokens"]?.arrayValue).compactMap { $0.intValue.map { Int32($0) } }
    let rows = try LlamaBase(path: path).rows(window: 0)
    let golden = try #require(expected["rows"]?.arrayValue)
    try #require(rows.count == golden.count)
    for (index, (row, golden)) in zip(rows, golden).enumerated() {
      let number = try #require(golden["row"]?.intValue)
      let values = after[number * 4096..<(number + 1) * 4096]
      let other = LogitRow(Activations(rows: 1, columns: 4096, values), row: 0, EngineKernels(.best))
      let found = try row.comparison(with: other, token: tokens[5 + index])
      func check(_ value: Double, _ key: String) throws {
        let reference = try #require(golden[key]?.doubleValue)
        #expect(abs(value - reference) < 1e-9, "row \(number) \(key): \(value) instead of \(reference)")
      }
      try check(found.divergence, "kl")
      try check(found.reverseDivergence, "reverse_kl")
      try check(found.entropy, "entropy")
      #expect(
        Array(found.topBefore) == golden["top5"]?.arrayValue?.compactMap { $0.intValue.map { Int32($0) } })
      let truth = try #require(whole[number]["kl"]?.doubleValue)
      #expect(abs(found.divergence - truth) < 1e-4 * truth + 1e-8, "row \(number): \(truth)")
      let sure = try #require(found.sampling)
      #expect(
        sure.forward.lowerBound <= truth && sure.forward.lowerBound > 0.99 * truth - 1e-8 && sure.forward.variance == 0)
      let reverse = try #require(whole[number]["reverse_kl"]?.doubleValue)
      #expect(sure.backward.lowerBound <= reverse)
    }
  }

  @Test("It stands for the model before, whose perplexity it does not tell")
  func command() throws {
    let model = Fixtures.path("tiny-qwen3.5")
    let run = try CommandLineRun(["validate", path, model, "--json", "--quiet"])
    try #require(run.status == 0, "\(run.errors)")
    let document = try run.json()
    let after = try #require(document["after"]?.arrayValue?.first)
    #expect(after["kl_divergence"]?["n"]?.intValue == 3 && after["kl_divergence"]?["estimated"]?.boolValue == true)
    #expect(document["before"]?["perplexity"]?.isNull == true && after["perplexity_ratio"]?.isNull == true)
    #expect(document["before"]?["recorded"]?["kind"]?.stringValue == "llama-perplexity")
    #expect(after["perplexity"]?["value"]?.doubleValue != nil && after["js_divergence"]?.isNull == true)
    let words = try CommandLineRun(["validate", path, model, "--quiet"])
    #expect(words.output.contains("from rounded probabilities"), "\(words.output)")
    let limited = try CommandLineRun(["validate", path, model, "--max-perplexity-increase", "1"])
    #expect(limited.status == 64 && limited.errors.contains("does not tell the perplexity before"), "\(limited.errors)")
  }

  @Test("What cannot be is refused in words")
  func hostile() throws {
    let folder = try TemporaryFolder()
    let good = try Fixtures.bytes("golden/validate/llama-base.kld")
    let changes: [(place: Int, bytes: [UInt8], sentence: String)] = [
      (8, [3, 0, 0, 0], "the context is 3"), (8, [0xFF, 0xFF, 0xFF, 0xFF], "the context is -1"),
      (12, [1, 0, 0, 0], "the vocabulary has 1 tokens"), (12, [0, 0x10, 0, 0x7F], "the vocabulary has"),
      (12, [1, 0x10, 0, 0], "need another length"), (16, [2, 0, 0, 0], "need another length"),
      (16, [0, 0, 0, 0], "windows are claimed"), (16, [0xFF, 0xFF, 0xFF, 0x7F], "windows are claimed"),
      (20, [0, 0x10, 0, 0], "token 4096 is outside the vocabulary of 4096"),
      (52, [0, 0, 0xC0, 0x7F], "a row cannot be so"), (52, [0, 0, 0, 0x3F], "a row cannot be so"),
      (56, [0, 0, 0x80, 0x7F], "a row cannot be so"), (56, [0, 0, 0, 0xFF], "a row cannot be so"),
    ]
    let model = try OpenedModel(Fixtures.path("tiny-qwen3.5"))
    func refusal(_ bytes: [UInt8]) throws -> String? {
      try Data(bytes).write(to: URL(filePath: folder.file("a")))
      do throws(CheckpointError) {
        guard let record = try OpenedRecord(folder.file("a")) else { return nil }
        _ = try Validation.measure(record: record, after: [model], texts: [], windows: nil, threads: 1)
        return nil
      } catch {
        #expect(error.code == .malformed && error.file == folder.file("a"), "\(error)")
        return error.message
      }
    }
    #expect(try refusal(good) == nil)
    for (place, bytes, sentence) in changes {
      var changed = good
      changed.replaceSubrange(place..<place + bytes.count, with: bytes)
      #expect(try refusal(changed)?.contains(sentence) == true, "byte \(place): \(sentence)")
    }
    #expect(try refusal(Array(good.dropLast()))?.contains("need another length") == true)
    #expect(try refusal(Array(good[..<12]))?.contains("ends inside the header") == true)
  }
}
