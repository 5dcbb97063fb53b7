import Libc

/// State that one thread at a time reads or changes.
///
/// Over POSIX threads, since ThreadSanitizer does not see the locks of Swift's Synchronization on Linux. Inlinable, since other
/// rooms take a lock between two products.
package final class Lock<State>: @unchecked Sendable {
  // Unchecked because the state is touched under the mutex only, which the compiler cannot see. What goes in and out of a
  // closure is the caller's care where it is not Sendable.
  @usableFromInline let state: UnsafeMutablePointer<State>
  @usableFromInline let mutex: UnsafeMutablePointer<pthread_mutex_t>

  package init(_ value: sending State) {
    state = .allocate(capacity: 1)
    state.initialize(to: value)
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
    state.deinitialize(count: 1)
    state.deallocate()
  }

  /// Calls `body` with the state while no other thread has it.
  @inlinable
  package func withLock<Result, Failure>(_ body: (inout State) throws(Failure) -> Result) throws(Failure) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body(&state.pointee)
  }

  /// Calls `body` now and after every signal until it gives a result; other threads have the state in between.
  package func wait<Result>(for signal: Signal, _ body: (inout State) -> Result?) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let result = body(&state.pointee) { return result }
      pthread_cond_wait(signal.condition, mutex)
    }
  }
}

/// What threads that wait for a change of locked state are woken by.
package final class Signal: @unchecked Sendable {  // a condition may be used by any thread
  fileprivate let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  package init() {
    condition.initialize(to: pthread_cond_t())
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    condition.deallocate()
  }

  /// Wakes one thread that waits.
  package func wakeOne() { pthread_cond_signal(condition) }

  /// Wakes all threads that wait.
  package func wakeAll() { pthread_cond_broadcast(condition) }
}
