import Base
import Evaluation
import Foundation
import Quants
import Runtime
import TestSupport
import Testing

/// Baselines: what is measured from one, and what is refused of one.
@Suite("Baselines")
struct BaselineTests {
  private let before = Fixtures.path("tiny-qwen3.5")

  /// Records the model on `persuasion.txt`, compared with models after or not.
  @discardableResult
  private func record(
    _ path: String, context: Int, windows: Int, entries: Int = 128, threads: Int = 2, after: [String] = []
  ) throws -> BaselineRecorder.Written {
    let recorder = try BaselineRecorder(path: path, entries: entries, overwrite: false)
    let model = try OpenedModel(before)
    _ = try Validation.measure(
      before: model, after: try after.map { try OpenedModel($0) },
      texts: [TextSource(name: "persuasion", bytes: try Fixtures.bytes("text/persuasion.txt"))], context: context,
      windows: windows, threads: threads, recorder: recorder)
    return try recorder.write(model)
  }

  private func measure(_ path: String, _ after: [String], windows: Int? = nil, threads: Int = 2) throws -> Validation {
    try Validation.measure(
      record: try #require(try OpenedRecord(path)), after: try after.map { try OpenedModel($0) }, texts: [],
      windows: windows, threads: threads)
  }

  @Test("Figures from a baseline are the reference's, exactly or within the error they state")
  func reference() throws {
    let folder = try TemporaryFolder()
    let written = try record(folder.file("persuasion.baseline"), context: 256, windows: 24)
    #expect(written.positions == 3048)
    #expect(written.bytes < 460 * 3048, "\(Double(written.bytes) / 3048) bytes a position")
    let recipes = ["Q8_0", "Q4_K_M", "Q2_K"]
    let found = try measure(folder.file("persuasion.baseline"), try recipes.map { try quantized($0, in: folder) })
    #expect(found.reference?.sha256 == written.sha256 && found.before.name == "tiny-qwen3.5")
    let golden = try #require(Fixtures.json("golden/validate/text.json")["files"])
    for (recipe, result) in zip(recipes, found.after) {
      let expected = try #require(golden[recipe])
      func number(_ path: String...) throws -> Double {
        try #require(path.reduce(expected) { $0?[$1] }?.doubleValue, "\(path)")
      }
      let all = result.all
      #expect(abs(try #require(all.perplexityBefore).value / (try number("perplexity_before")) - 1) < 1e-6)
      #expect(abs(all.perplexityAfter.value / (try number("perplexity_after")) - 1) < 1e-6)
      let ratio = try #require(all.perplexityRatio)
      #expect(abs(ratio.value / (try number("perplexity_ratio")) - 1) < 1e-6)
      #expect(abs(all.top1Agreement.value - (try number("top1_agreement", "value"))) < 1e-12)
      #expect(abs(all.top5Overlap.value - (try number("top5_overlap", "value"))) < 1e-12)
      #expect(all.flips.rightToWrong == Int(try number("flips", "right_to_wrong")))
      #expect(abs(all.probabilityChange.mean.value - (try number("probability_change", "value"))) < 1e-6)
      #expect(all.jensenShannon == nil && all.totalVariation == nil)
      for (distribution, name) in [(all.divergence, "kl"), (all.reverseDivergence, "reverse_kl")] {
        let truth = try number(name, "value")
        let sampling = try #require(distribution.sampling)
        let off = distribution.mean.value - truth
        #expect(abs(off) < 0.01 * truth, "\(recipe) \(name): off by \(off / truth)")
        #expect(abs(off) < 4 * sampling.standardError, "\(recipe) \(name): \(sampling.standardError / truth)")
        #expect(sampling.standardError < 0.005 * truth)
        #expect(sampling.lowerBound < truth && sampling.lowerBound > 0.75 * truth, "\(recipe) \(name)")
      }
      for (key, share) in [("50", 0.5), ("90", 0.9), ("99", 0.99)] {
        let value = try number("kl_percentiles", key)
        #expect(abs(all.divergence.percentiles[share] / value - 1) < 0.03, "\(recipe) \(key) %")
        #expect(try #require(all.divergence.sampling).percentiles[share] < value)
      }
    }
  }

  @Test("The same model and text give the same file, whatever runs beside; threads change no bit of a comparison")
  func determinism() throws {
    let folder = try TemporaryFolder()
    let small = try quantized("Q4_0", in: folder)
    for (name, threads, after) in [("a", 1, []), ("b", 7, []), ("c", 2, [small])] {
      try record(folder.file(name), context: 64, windows: 3, entries: 32, threads: threads, after: after)
    }
    let first = try bytes(folder.file("a"))
    #expect(try bytes(folder.file("b")) == first)
    #expect(try bytes(folder.file("c")) == first)
    let one = try measure(folder.file("a"), [small], threads: 1)
    let many = try measure(folder.file("a"), [small], threads: 7)
    #expect(one.after[0].all.divergence.mean == many.after[0].all.divergence.mean)
    #expect(one.after[0].worst.map(\.comparison) == many.after[0].worst.map(\.comparison))
    #expect(one.texts[0].windows == 3)
    #expect(try measure(folder.file("a"), [small], windows: 2).texts[0].windows == 2)
  }

  private func bytes(_ path: String) throws -> [UInt8] {
    let file = try InputFile(path: path)
    return try file.readBytes(at: 0, count: Int(file.size))
  }

  private func refusal(_ bytes: [UInt8], in folder: TemporaryFolder) throws -> String? {
    let path = folder.file("changed")
    try Data(bytes).write(to: URL(filePath: path))
    do throws(CheckpointError) {
      return try OpenedRecord(path) == nil ? "not a baseline" : nil
    } catch {
      #expect(error.code == .malformed || error.code == .unsupported, "\(error)")
      #expect(error.file == path, "\(error)")
      return error.message
    }
  }

  @Test("A baseline with one byte changed, or cut, is refused")
  func damage() throws {
    let folder = try TemporaryFolder()
    try record(folder.file("a"), context: 8, windows: 2, entries: 16)
    let good = try bytes(folder.file("a"))
    #expect(try refusal(good, in: folder) == nil)
    for place in good.indices {
      var changed = good
      changed[place] ^= UInt8(1 << (place % 8))
      #expect(try refusal(changed, in: folder) != nil, "byte \(place)")
    }
    for count in stride(from: 0, to: good.count, by: 7) {
      #expect(try refusal(Array(good[..<count]), in: folder) != nil, "\(count) bytes")
    }
  }

  /// The sum is made anew, so that what stands before it has to be checked for itself.
  private func sealed(_ bytes: [UInt8]) -> [UInt8] {
    bytes + SHA256Hash.bytes(of: bytes.withUnsafeBytes { SHA256Hash.hash($0) })
  }

  @Test("Whatever stands under a good sum is refused in words or read, and what is read can be compared")
  func hostile() throws {
    let folder = try TemporaryFolder()
    try record(folder.file("a"), context: 8, windows: 1, entries: 16)
    let good = Array(try bytes(folder.file("a")).dropLast(32))
    var messages: Set<String> = []
    var taken: [[UInt8]] = []
    for place in good.indices {
      for value: UInt8 in [0, 0x7F, 0x80, 0xFF, good[place] &+ 1] where value != good[place] {
        var changed = good
        changed[place] = value
        if let message = try refusal(sealed(changed), in: folder) {
          messages.insert(message)
        } else {
          taken.append(changed)
        }
      }
    }
    for words in [
      "this is version", "the header claims", "a window claims",
      "a position cannot be so: the text's token has ln p of",
      "the entropy is", "the tokens left out have a probability of", "the likeliest have ln p of", "the threshold is",
      "is twice among the likeliest", "all probabilities together are", "the largest that can be is", "is kept twice",
      "the number of tokens of a window is", "a window has no scored position",
    ] { #expect(messages.contains { $0.contains(words) }, "\(words)") }
    let model = try OpenedModel(before)
    // What only differs in its numbers is taken as it is; a name or a token may be another, and then the model is another's.
    try #require(taken.count > 20)
    var compared = 0
    for changed in taken.suffix(20) {
      try #require(try refusal(sealed(changed), in: folder) == nil)
      let record = try #require(try OpenedRecord(folder.file("changed")))
      guard let result = try? Validation.measure(record: record, after: [model], texts: [], windows: 1, threads: 1)
      else {
        continue
      }
      #expect(result.after[0].all.divergence.mean.value.isFinite)
      compared += 1
    }
    #expect(compared > 0)
    #expect(try refusal(sealed(good + [0]), in: folder)?.contains("belong to nothing") == true)
  }

  @Test("Saving and using, through the command")
  func command() throws {
    let folder = try TemporaryFolder()
    let small = try quantized("Q4_0", in: folder)
    let text = Fixtures.path("text/persuasion.txt")
    let save = ["validate", before, "--text", text, "--context", "64", "--windows", "3", "--save-baseline", "base"]
    let saved = try CommandLineRun(save + ["--json", "--quiet"], in: folder.path)
    try #require(saved.status == 0, "\(saved.errors)")
    #expect(try saved.json()["baseline"]?["positions"]?.intValue == 3 * 31)
    #expect(folder.contents == ["Q4_0.gguf", "base"])
    let again = try CommandLineRun(save, in: folder.path)
    #expect(again.status == 64 && again.errors.contains("use --overwrite"), "\(again.errors)")
    #expect(try CommandLineRun(save + ["--overwrite", "--baseline-entries", "8"], in: folder.path).status == 64)
    let direct = try CommandLineRun(
      ["validate", before, small, "--text", text, "--context", "64", "--windows", "3", "--json", "--quiet"],
      in: folder.path)
    let used = try CommandLineRun(["validate", "base", small, "--json", "--quiet"], in: folder.path)
    try #require(used.status == 0, "\(used.errors)")
    let (whole, estimated) = (try direct.json(), try used.json())
    let (one, other) = (whole["after"]?.arrayValue?.first, estimated["after"]?.arrayValue?.first)
    for key in ["perplexity", "perplexity_ratio", "top1_agreement", "top5_overlap", "probability_change", "flips"] {
      #expect(one?[key] != nil && one?[key] == other?[key], "\(key)")
    }
    #expect(whole["before"]?["entropy"] == estimated["before"]?["entropy"])
    #expect(estimated["before"]?["recorded"]?["kind"]?.stringValue == "baseline")
    #expect(other?["js_divergence"]?.isNull == true && other?["total_variation"]?.isNull == true)
    #expect(other?["kl_divergence"]?["estimated"]?.boolValue == true)
    #expect(one?["kl_divergence"]?["estimated"] == nil)
    let words = try CommandLineRun(["validate", "base", small, "--text", text, "--quiet"], in: folder.path)
    #expect(words.status == 0 && words.output.contains("estimated from a sample"), "\(words.errors)")
    let refusals: [([String], Int32, String)] = [
      (["base", small, "--context", "128"], 64, "leave --context out"),
      (["base", small, "--save-baseline", "c"], 64, "a baseline already"),
      (["base", small, "--text", Fixtures.path("README.md")], 2, "was not made of this text"),
      (["base"], 64, "at least one model AFTER"),
      ([before, "base", "--text", text], 2, "a baseline, which stands for BEFORE"),
    ]
    for (words, status, sentence) in refusals {
      let run = try CommandLineRun(["validate"] + words, in: folder.path)
      #expect(run.status == status && run.errors.contains(sentence), "\(words): \(run.errors)")
    }
  }
}
