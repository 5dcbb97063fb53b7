import Synchronization
import Libc

/// Threads that wait for the next piece of work, so that handing it out costs microseconds.
///
/// Items are taken in order by whoever is free; a body that writes only what belongs to its item gives the same
/// result for any number of threads. One piece of work runs at a time: a second one that comes meanwhile, from
/// another thread or from inside a body, runs on its caller alone.
package final class WorkerPool: Sendable {
  /// Threads that work, the caller included.
  package let threads: Int
  private let shared = PoolState()
  private let helpers: [pthread_t]

  /// Starts `threads` - 1 helpers; fewer where the system refuses.
  package init(threads: Int) {
    let state = shared
    helpers = (1..<max(1, threads)).compactMap { index in startThread { state.help(as: index) } }
    self.threads = helpers.count + 1
  }

  deinit {
    shared.stop()
    for helper in helpers { pthread_join(helper, nil) }
  }

  /// Calls `body` once for every item in `0..<count`, with the number of the thread that runs it, and waits.
  package func run(count: Int, _ body: @Sendable (_ item: Int, _ thread: Int) -> Void) {
    guard count > 1, !helpers.isEmpty, shared.claim() else {
      for item in 0..<max(0, count) { body(item, 0) }
      return
    }
    withoutActuallyEscaping(body) { body in shared.run(PoolJob(count: count, body: body)) }
    shared.release()
  }
}

/// One piece of work.
private final class PoolJob: @unchecked Sendable {  // `body` changes only when no helper works
  private let count: Int
  private var body: (@Sendable (Int, Int) -> Void)?
  private let next = Atomic<Int>(0)

  init(count: Int, body: @escaping @Sendable (Int, Int) -> Void) {
    self.count = count
    self.body = body
  }

  /// Takes items until there are none.
  ///
  /// Never inlined, so that its hold on the body ends with it.
  @inline(never) func work(as thread: Int) {
    guard let body else { return }
    while true {
      let item = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard item < count else { return }
      body(item, thread)
    }
  }

  /// Lets go of the body, which may not outlive the call that brought it, though a helper still holds the job.
  func finish() {
    body = nil
  }
}

/// What caller and helpers share.
private final class PoolState: Sendable {
  private struct Work {
    var job: PoolJob?
    var active = 0
    var isStopped = false
  }

  private let state = Lock(Work())
  private let work = Signal()
  private let idle = Signal()
  private let isClaimed = Atomic<Bool>(false)
  /// Counts jobs, so that a helper can see a new one without the lock.
  private let posted = Atomic<Int>(0)
  /// As many as `Work.active`, so that the caller can see its helpers finish without the lock.
  private let working = Atomic<Int>(0)

  /// How often a helper looks for the next job, and a caller for the end of its own, before it sleeps.
  ///
  /// Some hundred microseconds, more than the usual gap between two products of a layer; being woken takes longer than many a product of
  /// one token.
  private static let looks = 512

  func claim() -> Bool { !isClaimed.exchange(true, ordering: .acquiring) }

  func release() { isClaimed.store(false, ordering: .releasing) }

  func run(_ new: PoolJob) {
    state.withLock {
      $0.job = new
      posted.wrappingAdd(1, ordering: .releasing)
      work.wakeAll()
    }
    new.work(as: 0)
    for _ in 0..<Self.looks where working.load(ordering: .acquiring) > 0 { sched_yield() }
    state.wait(for: idle) {
      // Helpers that wake only now find nothing and are not waited for.
      $0.job = nil
      return $0.active > 0 ? nil : new.finish()
    }
  }

  func help(as thread: Int) {
    var seen = 0
    while true {
      for _ in 0..<Self.looks where posted.load(ordering: .acquiring) == seen { sched_yield() }
      let next = state.wait(for: work) { state -> PoolJob?? in
        if state.isStopped { return .some(nil) }
        let number = posted.load(ordering: .relaxed)
        guard let job = state.job, number != seen else { return nil }
        seen = number
        state.active += 1
        working.store(state.active, ordering: .relaxed)
        return job
      }
      guard let job = next else { return }
      job.work(as: thread)
      state.withLock {
        $0.active -= 1
        working.store($0.active, ordering: .releasing)
        if $0.active == 0 { idle.wakeOne() }
      }
    }
  }

  func stop() {
    state.withLock {
      $0.isStopped = true
      work.wakeAll()
    }
  }
}
