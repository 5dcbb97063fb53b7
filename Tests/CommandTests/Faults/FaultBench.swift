import Foundation
import TestSupport
import Testing

/// Where a scenario is run again and again, each time from the same state.
final class FaultBench {
  let scenario: FaultScenario
  /// What `out/` holds before a run, and after one in which nothing failed.
  let old: FaultTree
  let new: FaultTree
  /// How many calls of each class a run makes.
  let counts: [String: Int]

  private let folder: TemporaryFolder
  private let root: String
  private let before: FaultTree
  private var outcomes: [String: Int] = [:]
  /// Whether `out/` is other than before.
  private var isChanged = true

  init(_ scenario: FaultScenario) throws {
    self.scenario = scenario
    folder = try TemporaryFolder()
    // As the kernel spells it, since the shim compares text.
    root = URL(filePath: folder.path).resolvingSymlinksInPath().path + "/root"
    try scenario.prepare(root)
    before = try FaultTree(root)
    try FileManager.default.copyItem(atPath: root + "/out", toPath: folder.file("old"))
    old = try FaultTree(root + "/out")
    let log = folder.file("log")
    let run = try CommandLineRun(
      scenario.arguments(root, overwriting: scenario.overwrites),
      environment: scenario.environment.merging(
        ["LD_PRELOAD": FaultShim.path ?? "", "QUERN_FAULT_ROOT": root, "QUERN_FAULT_LOG": log]) { $1 })
    try #require(run.status == 0, "\(run.errors)")
    new = try FaultTree(root + "/out")
    counts = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").reduce(into: [:]) {
      $0[String($1.prefix { $0 != " " }), default: 0] += 1
    }
  }

  /// How many points ended how.
  var summary: String { outcomes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ") }

  /// Whether nothing but the outputs was changed.
  func isSourceUntouched() throws -> Bool {
    try reset()
    return try FaultTree(root) == before
  }

  private func reset() throws {
    guard isChanged else { return }
    try FileManager.default.removeItem(atPath: root + "/out")
    try FileManager.default.copyItem(atPath: folder.file("old"), toPath: root + "/out")
  }

  private func state() throws -> FaultTree { try FaultTree(root + "/out") }

  /// Runs with one fault and says what is wrong with what is left.
  func judge(_ point: FaultPoint) throws -> [String] {
    try reset()
    let run = try CommandLineRun(
      scenario.arguments(root, overwriting: scenario.overwrites),
      environment: scenario.environment.merging(
        ["LD_PRELOAD": FaultShim.path ?? "", "QUERN_FAULT_ROOT": root, "QUERN_FAULT": point.fault]) { $1 })
    let tree = try state()
    isChanged = tree != old
    let errors = run.errors.trimmingCharacters(in: .whitespacesAndNewlines)
    var findings: [String] = []
    switch run.status {
    case 0:
      outcomes["done", default: 0] += 1
      if tree != new { findings.append("exit 0, and not what was asked for: \(describe(tree))") }
    case 2, 74:
      outcomes["failed", default: 0] += 1
      if point.isHarmless { findings.append("exit \(run.status) where the work could go on: \(errors)") }
      if !errors.hasPrefix("quern: error: ") || errors.contains("\n") { findings.append("no one sentence: \(errors)") }
      // All as before, or the sentence names what is not.
      // Once everything is under its name, what could not be removed keeps a hidden one for the next run to remove.
      let isComplete = errors.contains(Self.complete)
      if tree != old, !isWhole(tree, litter: { isComplete || errors.contains($0) }) || !isSaid(tree, errors) {
        findings.append("exit \(run.status), and not as before: \(describe(tree)): \(errors)")
      }
    case -SIGKILL where point.isKill:
      outcomes["killed", default: 0] += 1
      if !isWhole(tree, litter: { _ in true }) { findings.append("killed, and left \(describe(tree))") }
    default: findings.append("exit \(run.status): \(errors)")
    }
    if tree != old, tree != new { findings += try recover(tree) }
    return findings
  }

  /// What is wrong after the next run, in which nothing fails.
  private func recover(_ tree: FaultTree) throws -> [String] {
    let differences = old.differences(new)
    let stands =
      scenario.overwrites || differences.contains { tree.entries[$0] != nil && tree.entries[$0] == new.entries[$0] }
    let run = try CommandLineRun(scenario.arguments(root, overwriting: stands), environment: scenario.environment)
    guard run.status == 0 else { return ["the next run ended with \(run.status): \(run.errors)"] }
    let left = try state()
    return left == new ? [] : ["the next run left \(describe(left))"]
  }

  /// Whether each output is old or new, whatever is the user's is there, and nothing else is but what has a hidden name and is
  /// expected: after a kill, or named in the sentence.
  private func isWhole(_ tree: FaultTree, litter isExpected: (String) -> Bool) -> Bool {
    Set(tree.entries.keys).union(old.entries.keys).union(new.entries.keys).allSatisfy { path in
      let entry = tree.entries[path]
      if entry == old.entries[path] || entry == new.entries[path] { return true }
      let top = path.prefix { $0 != "/" }
      return isExpected(path) && old.entries[path] == nil && new.entries[path] == nil && top.hasPrefix(".")
        && top.contains(".partial")
    }
  }

  private static let complete = "the output is complete under its name"

  /// Whether a sentence names every output that is new, or says that all are.
  private func isSaid(_ tree: FaultTree, _ sentence: String) -> Bool {
    let isComplete = sentence.contains(Self.complete)
    return old.differences(tree).allSatisfy { path in
      isComplete && (tree.entries[path] == new.entries[path] || path.hasPrefix(".")) || sentence.contains(path)
        || sentence.contains(path.prefix { $0 != "/" } + ":")
    }
  }

  private func describe(_ tree: FaultTree) -> String {
    let words = Set(tree.entries.keys).union(old.entries.keys).union(new.entries.keys).sorted().compactMap { path in
      let (entry, before, after) = (tree.entries[path], old.entries[path], new.entries[path])
      if before == after {
        return entry == before ? nil : "\(path) \(entry == nil ? "lost" : before == nil ? "litter" : "changed")"
      }
      if entry == before { return before == nil ? nil : "\(path) old" }
      if entry == after { return after == nil ? "\(path) gone" : "\(path) new" }
      return "\(path) \(entry == nil ? "lost" : "half")"
    }
    return words.joined(separator: ", ")
  }
}
