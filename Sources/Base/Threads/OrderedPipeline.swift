import CSystem

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Produces numbered pieces on several threads and consumes them in order on the caller's.
///
/// A piece is produced into one of a fixed number of slots, which bounds memory; reading, computing and writing overlap.
/// What is consumed does not depend on the number of threads, and neither does the error that is thrown: it is that of
/// the first piece that fails.
package final class OrderedPipeline: @unchecked Sendable {
  // Unchecked because all state is guarded by `lock`, which the compiler cannot see.
  private let count: Int
  private let slots: Int
  private var next = 0
  private var consumed = 0
  private var isStopped = false
  private var results: [Result<Void, CheckpointError>?]
  private var lock = pthread_mutex_t()
  private var hasRoom = pthread_cond_t()
  private var hasPiece = pthread_cond_t()

  private init(count: Int, slots: Int) {
    self.count = count
    self.slots = slots
    results = Array(repeating: nil, count: slots)
    pthread_mutex_init(&lock, nil)
    pthread_cond_init(&hasRoom, nil)
    pthread_cond_init(&hasPiece, nil)
  }

  deinit {
    pthread_cond_destroy(&hasPiece)
    pthread_cond_destroy(&hasRoom)
    pthread_mutex_destroy(&lock)
  }

  /// The most threads that produce, however many are asked for: each has memory of its own, up to twice a piece.
  package static let mostThreads = 48
  /// The most slots; 64 pieces of 2 MiB and the memory of 48 threads leave half of the 600 MiB a run may take.
  package static let mostSlots = 64

  /// The slots that `threads` producers keep busy: two each and two to spare, as far as memory allows.
  package static func slots(threads: Int) -> Int { min(2 * threads + 2, mostSlots) }

  /// Runs all pieces.
  ///
  /// `produce` fills a slot with a piece; its third argument numbers the thread, for scratch memory of its own. `consume`
  /// takes a piece out of its slot and is called in order.
  package static func run(
    count: Int, threads: Int,
    produce: @Sendable (_ piece: Int, _ slot: Int, _ thread: Int) throws(CheckpointError) -> Void,
    consume: (_ piece: Int, _ slot: Int) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    let pipeline = OrderedPipeline(count: count, slots: slots(threads: threads))
    let outcome = withoutActuallyEscaping(produce) { produce -> Result<Void, CheckpointError> in
      var workers: [pthread_t] = []
      for thread in 0..<min(threads, count, mostThreads) {
        if let worker = startThread({ pipeline.work(thread, produce) }) { workers.append(worker) }
      }
      defer {
        pipeline.stop()
        for worker in workers { pthread_join(worker, nil) }
      }
      return Result { () throws(CheckpointError) in
        for piece in 0..<count {
          try Cancellation.check()
          // Where the system starts no thread, the caller's does all the work.
          if workers.isEmpty { try produce(piece, piece % pipeline.slots, 0) } else { try pipeline.take(piece).get() }
          try consume(piece, piece % pipeline.slots)
          pipeline.release()
        }
      }
    }
    try outcome.get()
  }

  private func work(_ thread: Int, _ produce: (Int, Int, Int) throws(CheckpointError) -> Void) {
    while let piece = claim() {
      let result = Result { () throws(CheckpointError) in try produce(piece, piece % slots, thread) }
      pthread_mutex_lock(&lock)
      results[piece % slots] = result
      pthread_cond_signal(&hasPiece)
      pthread_mutex_unlock(&lock)
    }
  }

  /// The next piece to produce, once there is a free slot for it.
  private func claim() -> Int? {
    pthread_mutex_lock(&lock)
    defer { pthread_mutex_unlock(&lock) }
    while !isStopped, next < count, next - consumed >= slots { pthread_cond_wait(&hasRoom, &lock) }
    guard !isStopped, next < count else { return nil }
    next += 1
    return next - 1
  }

  private func take(_ piece: Int) -> Result<Void, CheckpointError> {
    pthread_mutex_lock(&lock)
    defer { pthread_mutex_unlock(&lock) }
    while true {
      if let result = results[piece % slots] {
        results[piece % slots] = nil
        return result
      }
      pthread_cond_wait(&hasPiece, &lock)
    }
  }

  private func release() {
    pthread_mutex_lock(&lock)
    consumed += 1
    pthread_cond_broadcast(&hasRoom)
    pthread_mutex_unlock(&lock)
  }

  private func stop() {
    pthread_mutex_lock(&lock)
    isStopped = true
    pthread_cond_broadcast(&hasRoom)
    pthread_mutex_unlock(&lock)
  }
}
