import Base
import Conversion
import Evaluation
import Runtime
import Synchronization
import TestSupport
import Testing

/// Work that is not wanted any more ends at the next piece, and leaves nothing behind.
struct CancellationTests {
  /// Says that the work is cancelled from the question of this number on.
  private func cancellation(at number: Int) -> Cancellation {
    let asked = Counter()
    return Cancellation { asked.next() >= number }
  }

  private final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    func next() -> Int { count.add(1, ordering: .relaxed).oldValue }
  }

  @Test(arguments: [0, 1, 7, 60], [1, 3])
  func `a cancelled quantization leaves nothing`(number: Int, threads: Int) throws {
    let folder = try TemporaryFolder()
    let plan = try Conversion.plan(source: tinyModel, options: into(folder, .quantize(try .named("Q4_0"))))
    let error = #expect(throws: CheckpointError.self) {
      try cancellation(at: number).watch { () throws(CheckpointError) in _ = try plan.run(threads: threads) }
    }
    #expect(error?.code == .cancelled)
    #expect(folder.contents == [])
    // The plan is a value: it can be run again.
    _ = try plan.run(threads: threads)
    #expect(folder.contents == ["mmproj-model.gguf", "model.gguf"])
  }

  @Test func `nobody asks for a cancellation that ended, nor for that of another`() throws {
    try cancellation(at: 1000).watch { () throws(CheckpointError) in try Cancellation.check() }
    #expect(throws: CheckpointError.self) {
      try cancellation(at: 0).watch { () throws(CheckpointError) in try Cancellation.check() }
    }
    try Cancellation.check()
  }

  @Test func `a cancelled task cancels its work`() async throws {
    let task = Task { () -> CheckpointError? in
      while !Task.isCancelled { await Task.yield() }
      do throws(CheckpointError) { try parallelRows(count: 3, threads: 1) { _ in } } catch { return error }
      return nil
    }
    task.cancel()
    #expect(await task.value?.code == .cancelled)
  }

  @Test func `a cancelled evaluation ends`() throws {
    let opened = try OpenedModel(tinyModel)
    let text = try Fixtures.bytes("text/persuasion.txt")
    for (number, threads) in [(0, 2), (3, 1), (5, 2)] {
      let error = #expect(throws: CheckpointError.self) {
        try cancellation(at: number).watch { () throws(CheckpointError) in
          _ = try Perplexity.measure(opened, text: text, context: 16, windows: 8, threads: threads)
        }
      }
      #expect(error?.code == .cancelled)
    }
  }
}
