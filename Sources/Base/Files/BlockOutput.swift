import CSystem
import Libc

/// A stream of bytes on its way into a file, in large aligned blocks that threads of its own write.
///
/// The caller fills one block while others are being written. Where the system can do that the blocks go past the page cache
/// (`O_DIRECT`): they are on the disk's side as soon as they are written, so the final sync has nothing to wait for, and
/// memory that holds other files is left alone.
final class BlockOutput: @unchecked Sendable {
  // Unchecked because what is not in `shared` belongs to the caller's thread, and a block to whoever took it.
  private typealias Block = UnsafeMutableRawPointer

  private struct Shared {
    var free: [Block] = []
    var blocks: [Block] = []
    var queue: [(block: Block, offset: UInt64)] = []
    var writing = 0
    var isStopped = false
    /// The `errno` of the first write that failed.
    var failure: Int32 = 0
  }

  static let blockBytes = 4 << 20
  private static let blockCount = 5
  private static let threadCount = 3
  /// Memory, offsets and lengths are multiples of this, which satisfies every disk's rule for direct writing.
  private static let alignment = 4096

  private let descriptor: Int32
  private var threads: [pthread_t] = []
  private var isDirect = false
  /// The block being filled, how far, and where it goes.
  private var block: Block?
  private var filled = 0
  private var offset: UInt64 = 0

  private let shared = Lock(Shared())
  private let changed = Signal()

  init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { stop() }

  /// Asks the file system for room for the whole file, so that a full disk is noticed now and blocks can be written side by side.
  ///
  /// Returns an `errno`, or 0 where that went well or cannot be asked for.
  func reserve(_ count: UInt64) -> Int32 {
    guard count >= UInt64(Self.blockBytes), let length = off_t(exactly: count) else { return 0 }
    let failure = csystem_reserve(descriptor, length)
    return [ENOSPC, EDQUOT, EFBIG].contains(failure) ? failure : 0
  }

  /// Appends bytes; returns the `errno` of a write that failed, or 0.
  func append(_ bytes: UnsafeRawBufferPointer) -> Int32 {
    var rest = bytes
    while !rest.isEmpty {
      guard let target = block ?? takeBlock() else { return shared.withLock { $0.failure } }
      block = target
      let count = min(rest.count, Self.blockBytes - filled)
      (target + filled).copyMemory(
        from: UnsafeRawPointer(rest.baseAddress ?? UnsafeRawPointer(target)), byteCount: count)
      filled += count
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      if filled == Self.blockBytes { hand(target) }
    }
    return 0
  }

  /// Writes what is left, cuts the file to its length and frees the memory; returns an `errno` or 0.
  func finish() -> Int32 {
    let failure = drain()
    let (last, count, start) = (block, filled, offset)
    if failure != 0 { return failure }
    defer { stop() }
    setDirect(false)
    if let last, count > 0 {
      let failure = Self.put(descriptor, UnsafeRawBufferPointer(start: last, count: count), at: start)
      if failure != 0 { return failure }
    }
    return retrying { ftruncate(descriptor, off_t(start) + off_t(count)) } == 0 ? 0 : errno
  }

  /// Ends the threads, finished or not, and frees the memory.
  func stop() {
    shared.withLock { $0.isStopped = true }
    changed.wakeAll()
    for thread in threads { pthread_join(thread, nil) }
    threads = []
    shared.withLock { shared in
      for block in shared.blocks { block.deallocate() }
      (shared.blocks, shared.free) = ([], [])
    }
    block = nil
  }

  // MARK: The caller's side

  /// An empty block: a new one, or one that has been written.
  private func takeBlock() -> Block? {
    shared.wait(for: changed) { shared -> Block?? in
      if shared.failure != 0 { return .some(nil) }
      if let block = shared.free.popLast() { return block }
      guard shared.blocks.count < Self.blockCount else { return nil }
      let block = Block.allocate(byteCount: Self.blockBytes, alignment: Self.alignment)
      shared.blocks.append(block)
      return block
    }
  }

  /// Hands a full block over to the threads, or writes it here where none can be started.
  private func hand(_ full: Block) {
    if offset == 0 { start() }
    shared.withLock { $0.queue.append((full, offset)) }
    changed.wakeAll()
    offset += UInt64(Self.blockBytes)
    (block, filled) = (nil, 0)
    if threads.isEmpty { writeNext() }
  }

  private func start() {
    setDirect(true)
    for _ in 0..<Self.threadCount {
      if let thread = startThread({ [unowned self] in while writeNext() {} }) { threads.append(thread) }
    }
  }

  /// Waits until all blocks that were handed over are written.
  private func drain() -> Int32 {
    shared.wait(for: changed) { $0.failure == 0 && (!$0.queue.isEmpty || $0.writing > 0) ? nil : $0.failure }
  }

  // MARK: The threads' side

  /// Writes the block that waits longest; false when there will be none.
  @discardableResult
  private func writeNext() -> Bool {
    let next = shared.wait(for: changed) { shared -> (block: Block, offset: UInt64)?? in
      if shared.isStopped { return .some(nil) }
      guard !shared.queue.isEmpty else { return nil }
      shared.writing += 1
      return shared.queue.removeFirst()
    }
    guard let next else { return false }
    let result = write(next.block, at: next.offset)
    shared.withLock {
      $0.writing -= 1
      if $0.failure == 0 { $0.failure = result }
      $0.free.append(next.block)
    }
    changed.wakeAll()
    return true
  }

  private func write(_ block: Block, at offset: UInt64) -> Int32 {
    let bytes = UnsafeRawBufferPointer(start: block, count: Self.blockBytes)
    var result = Self.put(descriptor, bytes, at: offset)
    if result == EINVAL, isDirect {
      // A file system with a stricter rule than the flag promised.
      setDirect(false)
      result = Self.put(descriptor, bytes, at: offset)
    }
    #if os(Linux)
      // Through the page cache: DONTNEED on dirty pages starts their write-back without waiting for it.
      if !isDirect { posix_fadvise(descriptor, off_t(offset), off_t(Self.blockBytes), POSIX_FADV_DONTNEED) }
    #endif
    return result
  }

  /// Writes bytes at a place of the file; returns an `errno` or 0.
  private static func put(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: UInt64) -> Int32 {
    var done = 0
    while done < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
      let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset) + off_t(done))
      if count < 0, errno == EINTR { continue }
      // Nothing written and nothing said: asking again would not end.
      guard count > 0 else { return count == 0 ? EIO : errno }
      done += count
    }
    return 0
  }

  private func setDirect(_ wanted: Bool) {
    isDirect = csystem_set_direct(descriptor, wanted ? 1 : 0) != 0
  }
}
