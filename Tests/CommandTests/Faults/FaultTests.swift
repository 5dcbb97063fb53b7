import Foundation
import TestSupport
import Testing

/// A system call fails, is interrupted, does half of its work, or the process dies at it: for each call of a run in turn, what
/// is left is what stood before or what was asked for, whole, and what is the user's is there.
///
/// `make faults` tries every call (`QUERN_FAULTS=all`); the tests of every commit a fixed choice of them.
@Suite(.serialized, .enabled(if: FaultShim.isAvailable, "no compiler, no preloading, or a sanitizer"))
struct FaultTests {
  private static let all = ProcessInfo.processInfo.environment["QUERN_FAULTS"] == "all"

  @Test(arguments: FaultScenario.all)
  func `old or new, and whole, whatever fails`(scenario: FaultScenario) throws {
    let bench = try FaultBench(scenario)
    for path in scenario.userPaths {
      #expect(bench.old.entries[path] != nil && bench.old.entries[path] == bench.new.entries[path], "\(path)")
    }
    let points = FaultPoint.points(
      bench.counts, all: Self.all, needsLinks: scenario.work == .restore && scenario.overwrites,
      decisions: !scenario.overwrites && !scenario.isNamed)
    for point in points {
      for finding in try bench.judge(point) {
        Issue.record("\(scenario.testDescription): \(point.fault): \(finding)")
      }
    }
    print("\(scenario.testDescription): \(points.count) points: \(bench.summary)")
    #expect(try bench.isSourceUntouched())
  }
}

/// The shim, compiled once.
enum FaultShim {
  private static let folder = try? TemporaryFolder()

  /// The path of the library; nil where it cannot be made.
  static let path: String? = {
    #if os(Linux)
      guard let folder else { return nil }
      let library = folder.file("shim.so")
      let source = CommandLineRun.root + "/Tests/FaultsInC/shim.c"
      let script = """
        for compiler in "${CC:-cc}" clang gcc; do
          command -v "$compiler" >/dev/null || continue
          "$compiler" -std=gnu17 -Wall -Wextra -O1 -shared -fPIC '\(source)' -o '\(library)' -ldl && exit 0
        done
        exit 1
        """
      guard let run = try? CommandLineRun(shell: script) else { return nil }
      if run.status != 0 { print(run.errors) }
      return run.status == 0 ? library : nil
    #else
      return nil
    #endif
  }()

  static var isAvailable: Bool { !Work.isSanitized && path != nil }
}
