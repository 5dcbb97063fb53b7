import Libc

/// Produces numbered pieces on several threads and consumes them in order on the caller's.
///
/// A piece is produced into one of a fixed number of slots, which bounds memory; reading, computing and writing overlap.
/// What is consumed does not depend on the number of threads, and neither does the error that is thrown: it is that of
/// the first piece that fails.
package final class OrderedPipeline: Sendable {
  private struct State {
    var next = 0
    var consumed = 0
    var isStopped = false
    var results: [Result<Void, CheckpointError>?]
  }

  private let count: Int
  private let slots: Int
  private let state: Lock<State>
  private let hasRoom = Signal()
  private let hasPiece = Signal()

  private init(count: Int, slots: Int) {
    self.count = count
    self.slots = slots
    state = Lock(State(results: Array(repeating: nil, count: slots)))
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
      state.withLock {
        $0.results[piece % slots] = result
        hasPiece.wakeOne()
      }
    }
  }

  /// The next piece to produce, once there is a free slot for it.
  private func claim() -> Int? {
    state.wait(for: hasRoom) { state -> Int?? in
      guard !state.isStopped, state.next < count else { return .some(nil) }
      guard state.next - state.consumed < slots else { return nil }
      state.next += 1
      return state.next - 1
    }
  }

  private func take(_ piece: Int) -> Result<Void, CheckpointError> {
    state.wait(for: hasPiece) { state in
      defer { state.results[piece % slots] = nil }
      return state.results[piece % slots]
    }
  }

  private func release() {
    state.withLock { $0.consumed += 1 }
    hasRoom.wakeAll()
  }

  private func stop() {
    state.withLock { $0.isStopped = true }
    hasRoom.wakeAll()
  }
}
