import Foundation

/// How much a test makes the machine do, in measures that load, slowness and tests beside it do not change: processor time
/// as a ratio, never in seconds, and the memory of a process that does nothing else.
package enum Work {
  /// Processor time of this thread that a piece of work takes, for ratios; no other thread counts.
  package static func measure(_ body: () throws -> Void) rethrows -> Double {
    let start = processorTime
    try body()
    return max(1, processorTime - start)
  }

  private static var processorTime: Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
  }

  /// How many times the median the largest is: what one input costs beside others of its size.
  package static func extremity(_ work: [Double]) -> Double {
    let sorted = work.sorted()
    guard let largest = sorted.last else { return 0 }
    return largest / sorted[sorted.count / 2]
  }

  /// Whether this build runs under a sanitizer, whose own memory is most of a process's.
  package static let isSanitized =
    dlsym(dlopen(nil, RTLD_NOW), "__asan_init") != nil || dlsym(dlopen(nil, RTLD_NOW), "__tsan_init") != nil

  /// The most memory that a process has had resident since it began, in bytes; nil where the system does not tell.
  ///
  /// The count of `getrusage` begins with the memory of the process that started it.
  package static func peakBytes(of process: String = "self") -> Int? {
    guard let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
      let kibibytes = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap({ Int($0) })
    else { return nil }
    return kibibytes << 10
  }
}
