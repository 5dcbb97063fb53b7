import Base
import Evaluation
import Foundation
import Quants
import Runtime
import TestSupport
import Testing

/// Models before and after against figures of the reference implementation, computed in double precision.
@Suite("Validation")
struct ValidationTests {
  private let before = Fixtures.path("tiny-qwen3.5")

  private func measure(
    _ after: [String], context: Int, windows: Int, prompts: Int? = nil, threads: Int = 2
  ) throws -> Validation {
    try Validation.measure(
      before: OpenedModel(before), after: try after.map { try OpenedModel($0) },
      texts: [TextSource(name: "persuasion", bytes: try Fixtures.bytes("text/persuasion.txt"))], context: context,
      windows: windows, prompts: prompts, threads: threads)
  }

  @Test("Every figure is the reference's")
  func reference() throws {
    let folder = try TemporaryFolder()
    let recipes = ["Q8_0", "Q4_K_M"]
    let found = try measure(try recipes.map { try quantized($0, in: folder) }, context: 256, windows: 24, prompts: 16)
    let golden = try #require(Fixtures.json("golden/validate/text.json")["files"])
    for (recipe, result) in zip(recipes, found.after) {
      let expected = try #require(golden[recipe])
      func number(_ path: String...) throws -> Double {
        try #require(path.reduce(expected) { $0?[$1] }?.doubleValue, "\(path)")
      }
      func check(_ estimate: Estimate, _ name: String, _ tolerance: Double) throws {
        let (value, error) = (try number(name, "value"), try number(name, "standard_error"))
        #expect(abs(estimate.value - value) < tolerance, "\(recipe) \(name): \(estimate.value), not \(value)")
        let own = try #require(estimate.standardError)
        #expect(abs(own / error - 1) < 1e-4, "\(recipe) error of \(name): \(own), not \(error)")
      }
      let all = result.all
      try check(all.divergence.mean, "kl", 1e-6)
      try check(all.reverseDivergence.mean, "reverse_kl", 1e-6)
      try check(#require(all.jensenShannon).mean, "js", 1e-6)
      try check(#require(all.totalVariation).mean, "total_variation", 1e-6)
      try check(all.top1Agreement, "top1_agreement", 1e-12)
      try check(all.top5Overlap, "top5_overlap", 1e-12)
      try check(all.probabilityChange.mean, "probability_change", 1e-6)
      try check(all.rootMeanSquareChange, "rms_probability_change", 1e-6)
      #expect(abs(try #require(all.perplexityBefore).value / (try number("perplexity_before")) - 1) < 1e-6)
      #expect(abs(all.perplexityAfter.value / (try number("perplexity_after")) - 1) < 1e-6)
      let ratio = try #require(all.perplexityRatio)
      #expect(abs(ratio.value / (try number("perplexity_ratio")) - 1) < 1e-6)
      let ratioError = try #require(ratio.standardError) / ratio.value
      #expect(abs(ratioError / (try number("log_perplexity_ratio", "standard_error")) - 1) < 1e-4)
      for (key, share) in [("1", 0.01), ("10", 0.1), ("50", 0.5), ("90", 0.9), ("99", 0.99)] {
        let value = try number("kl_percentiles", key)
        #expect(abs(all.divergence.percentiles[share] - value) < 1e-5, "\(recipe) \(key) %")
        let change = try number("probability_change_percentiles", key)
        #expect(abs(all.probabilityChange.percentiles[share] - change) < 1e-5, "\(recipe) change \(key) %")
      }
      #expect(abs(all.divergence.percentiles[0.999] - (try number("kl_percentiles", "99.9"))) < 2e-5)
      #expect(abs(all.divergence.percentiles.largest / (try number("kl_max")) - 1) < 1e-3)
      #expect(all.flips.rightToWrong == Int(try number("flips", "right_to_wrong")))
      #expect(all.flips.wrongToRight == Int(try number("flips", "wrong_to_right")))
      #expect(all.flips.wrongToOtherWrong == Int(try number("flips", "wrong_to_other_wrong")))
      #expect(all.perWindow.counts == [Int](repeating: 127, count: 24))
      let perWindow = try #require(expected["per_window"])
      for (own, name) in [
        ("negative_log_likelihood", "nll_after"), ("kl_divergence", "kl"), ("reverse_kl_divergence", "reverse_kl"),
        ("top5_overlap", "top5_overlap"), ("squared_probability_change", "squared_probability_change"),
      ] {
        let means = try #require(all.perWindow.means.first { $0.name == own }).values
        let windows = try #require(perWindow[name]?.arrayValue).compactMap(\.doubleValue)
        #expect(windows.count == 24 && zip(means, windows).allSatisfy { abs($0 - $1) < 1e-5 }, "\(recipe) \(own)")
      }
      let correlation = try #require(all.correlation)
      #expect(abs(correlation - (try number("correlation_of_logp"))) < 1e-6)
      let worst = try #require(result.worst.first)
      let place = Int(try number("kl_max_position"))
      #expect(worst.window == place / 127 && worst.position == 128 + place % 127)
      #expect(result.worst.count == 20)
      let tails = try #require(all.divergence.tails)
      #expect(
        tails[0].contains(all.divergence.percentiles[0.99]) && tails[1].contains(all.divergence.percentiles[0.999]))
      let first = try #require(expected["greedy"]?["first_difference_teacher_forced"]?.arrayValue).map(\.intValue)
      #expect(result.firstDifference?.identical == first, "\(recipe)")
      #expect(result.level == (recipe == "Q8_0" ? .transparent : .good))
      try LayerDrift.check(result.layers, against: expected["layers"], recipe)
    }
  }

  @Test("Files are put in order, unless nobody can tell them from the original")
  func order() throws {
    let folder = try TemporaryFolder()
    let files = try ["Q2_K", "Q4_0"].map { try quantized($0, in: folder) } + [before, before]
    let found = try measure(files, context: 64, windows: 12, prompts: 4)
    let pairs = found.comparisons
    #expect(pairs.map { [$0.first, $0.second] } == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]])
    #expect(pairs.map(\.better) == [1, 2, 3, 2, 3, nil])
    #expect(pairs.map(\.areEquals) == [false, false, false, false, false, true])
    #expect(pairs.allSatisfy { ($0.probability ?? -1) >= 0 && ($0.probability ?? 2) <= 1 })
  }

  @Test("A model against itself loses nothing, and threads change no bit")
  func itself() throws {
    let folder = try TemporaryFolder()
    let small = try quantized("Q4_0", in: folder)
    let one = try measure([before, small], context: 64, windows: 5, threads: 1)
    let all = one.after[0].all
    #expect(all.divergence.mean.value == 0 && all.divergence.mean.standardError == 0)
    #expect(all.reverseDivergence.percentiles.largest == 0 && all.jensenShannon?.percentiles.largest == 0)
    #expect(all.totalVariation?.mean.value == 0 && all.perplexityRatio?.value == 1)
    #expect(all.correlation == 1)
    #expect(one.after[0].firstDifference?.identical == [48, 48, 48, 48])
    #expect(all.top1Agreement.value == 1 && all.top1Agreement.standardError == 0 && all.top5Overlap.value == 1)
    for threads in [2, 7] {
      let many = try measure([before, small], context: 64, windows: 5, threads: threads)
      #expect(many.after[1].all.divergence.mean == one.after[1].all.divergence.mean)
      #expect(many.after[1].all.perplexityAfter == one.after[1].all.perplexityAfter)
      #expect(many.after[1].firstDifference == one.after[1].firstDifference)
      #expect(many.after[1].worst.map(\.comparison) == one.after[1].worst.map(\.comparison))
    }
  }

  @Test("Limits, categories and the document, through the command")
  func command() throws {
    let folder = try TemporaryFolder()
    let small = try quantized("Q2_K", in: folder)
    let text = try String(decoding: Fixtures.bytes("text/persuasion.txt").prefix(24_000), as: UTF8.self)
    try FileManager.default.createDirectory(atPath: folder.file("texts"), withIntermediateDirectories: true)
    for (name, part) in [("a.txt", text.prefix(11_000)), ("b.txt", text.suffix(11_000))] {
      try Data(part.utf8).write(to: URL(filePath: folder.file("texts/\(name)")))
    }
    let arguments = [
      "validate", before, small, "--text", folder.file("texts"), "--context", "128", "--windows", "3", "--no-images",
    ]
    let run = try CommandLineRun(arguments + ["--json", "--quiet"])
    try #require(run.status == 0, "\(run.errors)")
    let after = try #require(try run.json()["after"]?.arrayValue?.first)
    #expect(after["categories"]?.arrayValue?.count == 2)
    #expect(after["passed"]?.boolValue == true)
    #expect(after["level"]?.stringValue == "damaged")
    let divergence = try #require(after["kl_divergence"])
    #expect(divergence["n"]?.intValue == 2 * 3 * 63)
    // Fewer than a thousand positions say nothing of one in a thousand.
    #expect(divergence["p999"]?.isNull == true)
    let upper = try #require(divergence["interval"]?.arrayValue?.last?.doubleValue)
    #expect(try CommandLineRun(arguments + ["--max-divergence", "\(upper * 3)"]).status == 0)
    let failed = try CommandLineRun(arguments + ["--max-divergence", "0.01"])
    #expect(failed.status == 1 && failed.errors.contains("the limit is 0.01"), "\(failed.errors)")
    #expect(failed.output.contains("damaged"))
    #expect(try CommandLineRun(arguments + ["--min-agreement", "0.99"]).status == 1)
    #expect(try CommandLineRun(arguments + ["--max-perplexity-increase", "0.01"]).status == 1)
    #expect(try CommandLineRun(arguments + ["--max-divergence", "-1"]).status == 64)
    #expect(try CommandLineRun(arguments + ["--min-agreement", "99"]).status == 64)
    let one = ["validate", before, before, "--text", folder.file("texts/a.txt"), "--context", "128", "--no-images"]
    let single = try CommandLineRun(one + ["--windows", "1", "--max-divergence", "1"])
    #expect(single.status == 1 && single.errors.contains("one window says nothing"), "\(single.errors)")
    // Windows that agree by chance are not certain.
    #expect(try CommandLineRun(one + ["--windows", "2", "--min-agreement", "0.99"]).status == 1)
    let twice = try CommandLineRun(one + ["--text", folder.file("texts/a.txt")])
    #expect(twice.status == 64 && twice.errors.contains("says nothing new"), "\(twice.errors)")
    let short = try CommandLineRun([
      "validate", before, small, "--text", folder.file("texts/a.txt"), "--context", "4096",
    ])
    #expect(short.status == 2 && short.errors.contains("too few for one window"), "\(short.errors)")
  }
}
