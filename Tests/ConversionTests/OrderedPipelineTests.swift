import Base
import Conversion
import Quants
import Synchronization
import TestSupport
import Testing

/// Memory is bounded by counts: pieces alive at a time, and threads that have memory of their own.
struct OrderedPipelineTests {
  @Test(arguments: [1, 2, 7, 64, 256, 1024])
  func `pieces alive and threads at work stay within their bounds`(threads: Int) throws {
    let slots = OrderedPipeline.slots(threads: threads)
    #expect(slots >= min(threads, OrderedPipeline.mostThreads) && slots <= OrderedPipeline.mostSlots)
    let alive = Atomic<Int>(0)
    let most = Atomic<Int>(0)
    let highest = Atomic<Int>(0)
    var order: [Int] = []
    try OrderedPipeline.run(count: 2000, threads: threads) { piece, slot, thread in
      most.max(alive.add(1, ordering: .relaxed).newValue, ordering: .relaxed)
      highest.max(max(thread, slot < slots ? 0 : Int.max), ordering: .relaxed)
    } consume: { piece, slot in
      alive.subtract(1, ordering: .relaxed)
      order.append(piece)
    }
    #expect(order == Array(0..<2000))
    #expect(most.load(ordering: .relaxed) <= slots)
    #expect(highest.load(ordering: .relaxed) < min(threads, OrderedPipeline.mostThreads))
  }

  @Test func `more threads than are used give the same file`() throws {
    let folder = try TemporaryFolder()
    try convert(tinyModel, into(folder, .convert(to: .f16), "few"), threads: 2)
    try convert(tinyModel, into(folder, .convert(to: .f16), "many"), threads: 200)
    #expect(try sha256(file: folder.file("few.gguf")) == sha256(file: folder.file("many.gguf")))
  }
}
