import Synchronization
import Libc

/// How many threads a piece of work may use.
package enum Threads {
  /// The processors that are online.
  package static var available: Int {
    return max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
  }
}

/// Runs `body` over `0..<count` in ranges of `grain` rows on up to `threads` threads.
///
/// Ranges are handed out in order as threads become free. A body that writes only what belongs to its rows gives
/// the same result for any number of threads; that is what keeps output bytes independent of the machine. When
/// several ranges fail, the error of the lowest one that ran is thrown.
package func parallelRows(
  count: Int, threads: Int, grain: Int = 1, _ body: @Sendable (Range<Int>) throws(CheckpointError) -> Void
) throws(CheckpointError) {
  precondition(grain > 0, "a range has at least one row")
  let ranges = (count + grain - 1) / grain
  let workers = min(threads, ranges)
  if workers <= 1 {
    for range in 0..<max(0, ranges) {
      try Cancellation.check()
      try body(range * grain..<min(count, (range + 1) * grain))
    }
    return
  }
  let job = RowJob(count: count, grain: grain, ranges: ranges)
  withoutActuallyEscaping(body) { body in
    let work: @Sendable () -> Void = { job.run(body) }
    var helpers: [pthread_t] = []
    for _ in 1..<workers {
      if let helper = startThread(work) { helpers.append(helper) }
    }
    // The caller works too, so the job completes even where no thread could be started.
    work()
    for helper in helpers { pthread_join(helper, nil) }
  }
  if let failure = job.failure.withLock({ $0 }) { throw failure.error }
}

/// The shared state of one parallel run.
private final class RowJob: Sendable {
  let count: Int
  let grain: Int
  let ranges: Int
  let next = Atomic<Int>(0)
  let failure = Lock<(range: Int, error: CheckpointError)?>(nil)

  init(count: Int, grain: Int, ranges: Int) {
    self.count = count
    self.grain = grain
    self.ranges = ranges
  }

  func run(_ body: (Range<Int>) throws(CheckpointError) -> Void) {
    while true {
      let range = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard range < ranges else { return }
      do throws(CheckpointError) {
        try Cancellation.check()
        try body(range * grain..<min(count, (range + 1) * grain))
      } catch {
        failure.withLock { known in
          if known.map({ range < $0.range }) ?? true { known = (range, error) }
        }
        next.store(ranges, ordering: .relaxed)
      }
    }
  }
}

/// A closure on its way into a new thread.
private final class ThreadStart {
  let work: @Sendable () -> Void

  init(_ work: @escaping @Sendable () -> Void) {
    self.work = work
  }
}

/// Starts a joinable thread; nil when the system refuses one.
package func startThread(_ work: @escaping @Sendable () -> Void) -> pthread_t? {
  let cancellation = Cancellation.current
  let start = Unmanaged.passRetained(ThreadStart { Cancellation.$current.withValue(cancellation, operation: work) })
  #if canImport(Darwin)
    var thread: pthread_t?
    let status = pthread_create(&thread, nil, { runThread($0) }, start.toOpaque())
  #else
    var thread = pthread_t()
    let status = pthread_create(&thread, nil, { $0.flatMap { runThread($0) } }, start.toOpaque())
  #endif
  guard status == 0 else {
    start.release()
    return nil
  }
  return thread
}

private func runThread(_ argument: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
  Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue().work()
  return nil
}
