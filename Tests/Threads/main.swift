import Base
import Synchronization

// What threads share, for ThreadSanitizer (threads.sh): memory that two threads touch without an order is a race it tells.

for threads in [1, 2, 7] {
  for count in [0, 1, 5, 1000, 1_000_000] {
    nonisolated(unsafe) let seen = UnsafeMutableBufferPointer<Int>.allocate(capacity: count)
    seen.initialize(repeating: 0)
    try parallelRows(count: count, threads: threads, grain: 3) { (rows) throws(CheckpointError) in
      for row in rows { seen[row] += 1 }
    }
    precondition(seen.allSatisfy { $0 == 1 })
    seen.deallocate()
  }
}

for threads in [1, 2, 7, 64, 256] {
  let slots = OrderedPipeline.slots(threads: threads)
  nonisolated(unsafe) let pieces = UnsafeMutableBufferPointer<Int>.allocate(capacity: slots)
  pieces.initialize(repeating: 0)
  var order: [Int] = []
  try OrderedPipeline.run(count: 2000, threads: threads) { piece, slot, thread in
    pieces[slot] = piece
  } consume: { piece, slot in
    precondition(pieces[slot] == piece)
    order.append(piece)
  }
  precondition(order == Array(0..<2000))
  pieces.deallocate()
}

for size in [0, 1, 4 << 20, 24 << 20] {
  let writer = try AtomicWriter(path: CommandLine.arguments[1], overwrite: true, hashing: true)
  let bytes = [UInt8](repeating: 3, count: size)
  for start in stride(from: 0, to: size, by: 3_000_000) {
    try writer.write(Array(bytes[start..<min(size, start + 3_000_000)]))
  }
  try writer.finish()
}
print("threads: passed")
