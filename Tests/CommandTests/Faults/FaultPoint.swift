import Foundation
import TestSupport
import Testing

/// One fault: what happens at which call.
struct FaultPoint {
  /// What the shim does, with its own words.
  let fault: String
  /// Whether the run must come to its end as if nothing had happened.
  let isHarmless: Bool
  /// Whether the process is killed.
  var isKill: Bool { fault.hasSuffix("before") || fault.hasSuffix("after") }

  init(_ fault: String, isHarmless: Bool = false) {
    self.fault = fault
    self.isHarmless = isHarmless
  }

  /// What can become of the calls of a class; those that change names are never left out of a sample.
  private struct Kinds {
    var errors: [Int32] = []
    /// Errors and short transfers after which the work goes on.
    var harmless: [String] = []
    var others: [String] = []
    var kills = true
    var isNaming = false
    /// Whether what a call is told decides what is read, so that each of them is tried in some scenarios.
    var isDecision = false
  }

  private static let interrupted = "\(EINTR)"

  private static let kinds: [String: Kinds] = [
    "open": Kinds(errors: [EIO, EMFILE], harmless: [interrupted]),
    "tmpfile": Kinds(errors: [EIO, ENOSPC], harmless: [interrupted, "\(EOPNOTSUPP)"], isNaming: true),
    "write": Kinds(errors: [EIO, ENOSPC], harmless: [interrupted, "short"], others: ["nothing"]),
    "read": Kinds(errors: [EIO], harmless: [interrupted, "short"], others: ["nothing"], kills: false),
    "rename": Kinds(errors: [EIO, ENOSPC], isNaming: true),
    "exchange": Kinds(errors: [EIO, ENOSPC], harmless: ["\(EINVAL)"], isNaming: true),
    "link": Kinds(errors: [EIO, ENOSPC], isNaming: true),
    "unlink": Kinds(errors: [EIO], isNaming: true),
    "mkdir": Kinds(errors: [EIO, ENOSPC], isNaming: true),
    "fsync": Kinds(errors: [EIO], harmless: [interrupted], isNaming: true),
    "ftruncate": Kinds(errors: [EIO], harmless: [interrupted], isNaming: true),
    "fallocate": Kinds(errors: [ENOSPC], harmless: [interrupted, "\(EOPNOTSUPP)"], isNaming: true),
    "flock": Kinds(errors: [EIO], harmless: [interrupted, "\(ENOLCK)", "\(EOPNOTSUPP)"], isNaming: true),
    "mmap": Kinds(errors: [ENOMEM, ENODEV], kills: false),
    "list": Kinds(errors: [EIO], kills: false),
    "stat": Kinds(errors: [EIO], kills: false, isDecision: true),
    "thread": Kinds(harmless: ["\(EAGAIN)"], kills: false),
  ]

  /// A file system, or a system, that cannot do something at all: the run finds another way.
  private static let lacking: [String] = [
    "tmpfile:1+:\(EOPNOTSUPP)", "exchange:1+:\(EINVAL)", "exchange:1+:\(ENOSYS)", "flock:1+:\(ENOLCK)",
    "flock:1+:\(ENOSYS)", "fallocate:1+:\(EOPNOTSUPP)", "thread:1+:\(EAGAIN)", "write:1+:short", "read:1+:short",
  ]

  /// Without links there can be no files without names either.
  private static let withoutLinks: [String] = [
    "tmpfile:1+:\(EOPNOTSUPP),link:1+:\(EPERM)",
    "tmpfile:1+:\(EOPNOTSUPP),link:1+:\(EPERM),exchange:1+:\(EINVAL),flock:1+:\(ENOLCK),fallocate:1+:\(EOPNOTSUPP)",
  ]

  /// So many numbers from 1 to `count`, first and last among them.
  private static func spread(_ count: Int, over most: Int) -> [Int] {
    guard count > most else { return Array(1...count) }
    return (0..<most).map { 1 + $0 * (count - 1) / (most - 1) }
  }

  /// The points of a run in which so many calls of each class were made.
  ///
  /// `needsLinks`: whether it cannot do without them, as a folder with the user's own files in it, and is refused then. `decisions`:
  /// whether every look-up is tried.
  static func points(_ counts: [String: Int], all: Bool, needsLinks: Bool, decisions: Bool) -> [FaultPoint] {
    var points: [FaultPoint] = []
    for (name, count) in counts.sorted(by: { $0.key < $1.key }) {
      guard let kinds = kinds[name] else {
        Issue.record("the shim counts \(name), of which this test knows no fault")
        continue
      }
      let most = kinds.isNaming ? 6 : 2
      let some = spread(count, over: most)
      for number in all || decisions && kinds.isDecision ? Array(1...count) : some {
        // A sample has each kind at the first call, and then what differs most.
        let kills = kinds.kills ? (all ? ["before", "after"] : ["after"]) : []
        let errors = all || number == 1 ? kinds.errors : Array(kinds.errors.prefix(1))
        points += (errors.map(String.init) + kinds.others + kills).map { FaultPoint("\(name):\(number):\($0)") }
        if all || number == 1 || number == count {
          points += kinds.harmless.map { FaultPoint("\(name):\(number):\($0)", isHarmless: true) }
        }
      }
    }
    // A disk that is full from here on.
    let writes = counts["write"] ?? 0
    points += (writes > 0 ? [1, writes] : []).map { FaultPoint("write:\($0)+:\(ENOSPC)") }
    return points + lacking.map { FaultPoint($0, isHarmless: true) }
      + withoutLinks.map { FaultPoint($0, isHarmless: !needsLinks) }
  }
}
