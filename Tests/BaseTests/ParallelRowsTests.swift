import Base
import Testing

struct ParallelRowsTests {
  @Test(arguments: [1, 2, 7], [0, 1, 5, 64, 1000])
  func `every row once, whatever the threads`(threads: Int, count: Int) throws {
    // No lock: a row that two threads were given is a race, which ThreadSanitizer tells.
    nonisolated(unsafe) let seen = UnsafeMutableBufferPointer<Int>.allocate(capacity: count)
    defer { seen.deallocate() }
    seen.initialize(repeating: 0)
    try parallelRows(count: count, threads: threads, grain: 3) { (rows) throws(CheckpointError) in
      for row in rows { seen[row] += 1 }
    }
    #expect(seen.allSatisfy { $0 == 1 })
  }

  @Test(arguments: [1, 4])
  func `an error stops the work and is thrown`(threads: Int) throws {
    let error = #expect(throws: CheckpointError.self) {
      try parallelRows(count: 100, threads: threads) { (rows) throws(CheckpointError) in
        if rows.lowerBound == 10 { throw CheckpointError(.malformed, "row 10") }
      }
    }
    #expect(error?.message == "row 10")
  }
}

struct ShapeTests {
  @Test func `overflowing products are refused, zero or not`() throws {
    #expect(throws: CheckpointError.self) { try Shape(checking: [1 << 32, 1 << 32]) }
    #expect(throws: CheckpointError.self) { try Shape(checking: [0, 1 << 32, 1 << 32]) }
    #expect(throws: CheckpointError.self) { try Shape(checking: [1 << 63]) }
    #expect(try Shape(checking: [2, 0, 5]).elementCount == 0)
    #expect(try Shape(checking: [2, 3, 5]).rows == 6)
  }
}
