import Quants
import Base

/// y = x W^T in 32-bit floats over weights as they are stored.
///
/// There are two roads. *fma*: weights are unpacked a tile at a time into panels the register block reads, tokens are packed once; for
/// a few tokens stored numbers are expanded in registers instead, which gives the same bits. Each output is computed in one fixed
/// order: columns in blocks of ``columnBlock``; in a block one chain of multiply-adds in column order, from zero; block sums
/// added in order. *digits*: a few tokens by block formats; activations become numbers of two digits, which are multiplied by the
/// stored codes as integers (``PlainDigits`` has the sum). On either road the bits of an output depend neither on the number of
/// threads nor on the tokens beside it, and are the same at every level with a fused multiply-add.
package struct MatrixProduct: Sendable {
  /// Columns that are summed before they are added to the output.
  package static let columnBlock = 256
  /// The level.
  package let kernels: Kernels
  /// The threads; other parts of a forward pass may use them between products.
  package let pool: WorkerPool
  private let engine: EngineKernels
  private let tokenScratch = ScratchStore()
  private let tileScratch = ScratchStore()
  private let digitScratch = ScratchStore()

  /// Weights are unpacked and used this many rows at a time, rounded up to whole panels; with the tokens of one
  /// pass, those of the next and their sums they fit the second-level cache.
  private static let tileRows = 64
  /// Tokens that pass one tile of weights together, while the kernel fetches those of the next pass.
  private static let tileTokens = 48
  /// Tokens that are packed at a time, and pass weights that are unpacked once; fewer where they would take more than ``chunkBytes``.
  private static let chunkTokens = 2048
  private static let fewestChunkTokens = 512
  private static let chunkBytes = 24 << 20
  /// Rows that a thread takes at a time when there are few tokens; whole register blocks at every level.
  private static let gemvRows = 128
  /// The same on the digits road, where a row takes less time: whoever is late at the end keeps the others waiting for one piece.
  private static let digitRows = 32
  /// Rows that are brought into order at a time; they stay in the second-level cache.
  private static let orderedRows = 32
  /// Below about this many cycles of work a helper would come too late.
  private static let serialCycles = 60_000

  /// Prepares products at a level.
  ///
  /// - Parameters:
  ///   - kernels: the level.
  ///   - threads: threads that work, the caller included.
  package init(kernels: Kernels = .best, threads: Int = Threads.available) {
    self.init(kernels: kernels, pool: WorkerPool(threads: threads))
  }

  /// Prepares products at a level on threads there are.
  package init(kernels: Kernels = .best, pool: WorkerPool) {
    self.kernels = kernels
    self.pool = pool
    engine = EngineKernels(kernels)
  }

  /// Multiplies tokens by a matrix of weights.
  ///
  /// - Parameters:
  ///   - x: inputs, [tokens, w.columns].
  ///   - tokens: rows of x and y.
  ///   - w: the weights, [w.rows, w.columns].
  ///   - y: outputs, [tokens, w.rows]; overwritten.
  ///   - batch: how many tokens these are some of, which decides the road; nil when they are all.
  package func multiply(
    _ x: UnsafeBufferPointer<Float>, tokens: Int, by w: WeightMatrix, into y: UnsafeMutableBufferPointer<Float>,
    of batch: Int? = nil
  ) {
    precondition(x.count == tokens * w.columns, "x is [tokens, columns]")
    precondition(y.count == tokens * w.rows, "y is [tokens, rows]")
    precondition(Self.columnBlock % w.type.blockElements == 0, "column blocks are whole blocks of weights")
    guard let xBase = x.baseAddress, let yBase = y.baseAddress, tokens > 0, w.rows > 0 else { return }
    guard w.columns > 0 else { return y.update(repeating: 0) }
    let native = kernels[w.type]
    if Self.takesDigits(w, batch: batch ?? tokens, native), let native {
      return run(
        ProductJob(engine: engine, unpacking: nil, w: w, x: xBase, y: yBase, tokens: tokens), digits: native)
    }
    let gemv = w.columns % 32 == 0 ? native?.gemv : nil
    let fitting = Self.chunkBytes / (w.columns * MemoryLayout<Float>.stride)
    let chunk = max(Self.fewestChunkTokens, min(Self.chunkTokens, fitting)) / engine.tokenBlock * engine.tokenBlock
    for first in stride(from: 0, to: tokens, by: chunk) {
      let some = min(chunk, tokens - first)
      let job = ProductJob(
        engine: engine, unpacking: native?.unpack, w: w, x: xBase + first * w.columns, y: yBase + first * w.rows,
        tokens: some)
      if some <= FormatKernels.fewTokens, let gemv {
        run(job, gemv)
      } else {
        run(job)
      }
    }
  }

  /// Whether a batch of tokens takes the digits road.
  private static func takesDigits(_ w: WeightMatrix, batch: Int, _ native: FormatKernels?) -> Bool {
    batch <= FormatKernels.fewTokens && w.columns % 32 == 0 && native?.hasDigits == true
  }

  /// A few tokens, cut into digits once, by stored rows.
  private func run(_ job: ProductJob, digits native: FormatKernels) {
    let w = job.w
    let bytes = (w.columns + FormatKernels.digitColumns - 1) / FormatKernels.digitColumns * FormatKernels.digitBytes
    digitScratch.lend(job.tokens * bytes / MemoryLayout<Float>.stride) { room in
      let digits = UnsafeMutableRawPointer(room)
      for token in 0..<job.tokens {
        engine.makeDigits(job.x + token * w.columns, columns: w.columns, into: digits + token * bytes)
      }
      let shared = Borrowed(room)
      each((w.rows + Self.digitRows - 1) / Self.digitRows, serial: job.digitCycles < Self.serialCycles) { item, _ in
        let first = item * Self.digitRows
        w.withStored(row: first, first: 0, count: w.columns) { stored in
          guard let stored = stored.baseAddress else { return }
          native.multiply(
            digits: shared.value, tokens: job.tokens, columns: w.columns, stored, rowBytes: w.rowBytes,
            rows: min(Self.digitRows, w.rows - first), into: job.y + first, outputs: w.rows)
        }
      }
    }
  }

  /// A few tokens, straight from stored rows of numbers.
  private func run(_ job: ProductJob, _ gemv: FormatKernels.Gemv) {
    let w = job.w
    guard w.order == nil else { return runInOrder(job, gemv) }
    each((w.rows + Self.gemvRows - 1) / Self.gemvRows, serial: job.cycles < Self.serialCycles) { item, _ in
      let first = item * Self.gemvRows
      w.withStored(row: first, first: 0, count: w.columns) { stored in
        guard let stored = stored.baseAddress else { return }
        gemv(
          stored, w.rowBytes, min(Self.gemvRows, w.rows - first), job.x, w.columns, job.tokens, w.columns,
          job.y + first, w.rows)
      }
    }
  }

  /// A few tokens and rows whose columns are brought into order first.
  private func runInOrder(_ job: ProductJob, _ gemv: FormatKernels.Gemv) {
    let w = job.w
    each((w.rows + Self.orderedRows - 1) / Self.orderedRows, serial: job.cycles < Self.serialCycles) { item, _ in
      let rows = item * Self.orderedRows..<min(w.rows, (item + 1) * Self.orderedRows)
      tileScratch.lend((rows.count * w.rowBytes + 3) / 4) { room in
        w.gather(rows: rows, first: 0, count: w.columns, into: room)
        gemv(
          room, w.rowBytes, rows.count, job.x, w.columns, job.tokens, w.columns, job.y + rows.lowerBound, w.rows)
      }
    }
  }

  private func run(_ job: ProductJob) {
    tokenScratch.lend(job.tokens * job.w.columns) { panels in run(job, panels: panels) }
  }

  /// Packs the tokens into `panels`, then multiplies them by a tile of weights at a time.
  private func run(_ job: ProductJob, panels: UnsafeMutablePointer<Float>) {
    let shared = Borrowed(panels)
    let isSerial = job.cycles < Self.serialCycles
    each(job.tokenPanels, serial: isSerial || job.tokens <= 8) { panel, _ in
      job.pack(panel: panel, block: Self.columnBlock, into: shared.value)
    }
    let tile = (Self.tileRows + engine.rowBlock - 1) / engine.rowBlock * engine.rowBlock
    let layout = TileLayout(
      rows: tile, columns: min(Self.columnBlock, job.w.columns), rowBlock: engine.rowBlock,
      // Outputs a power of two apart would meet in the same cache sets, so sums of several blocks are kept close.
      tokens: job.tokens > 16 && job.w.columns > Self.columnBlock ? job.tokens : 0)
    each((job.w.rows + tile - 1) / tile, serial: isSerial) { item, _ in
      tileScratch.lend(layout.count) { buffer in
        multiply(job, item * tile..<min(job.w.rows, (item + 1) * tile), shared.value, buffer, layout)
      }
    }
  }

  /// One tile of weights, unpacked into `buffer`, times all tokens.
  private func multiply(
    _ job: ProductJob, _ rows: Range<Int>, _ panels: UnsafeMutablePointer<Float>,
    _ buffer: UnsafeMutablePointer<Float>, _ layout: TileLayout
  ) {
    let columns = job.w.columns
    let passing = Self.tileTokens / engine.tokenBlock * engine.tokenBlock
    let direct = job.y + rows.lowerBound
    let (sums, stride) = layout.tokens > 0 ? (buffer + layout.sums, layout.sumStride) : (direct, job.w.rows)
    for first in Swift.stride(from: 0, to: columns, by: Self.columnBlock) {
      let count = min(Self.columnBlock, columns - first)
      job.unpack(rows: rows, first: first, count: count, into: buffer, layout)
      let (target, targetStride) = first + count < columns ? (sums, stride) : (direct, job.w.rows)
      for token in Swift.stride(from: 0, to: job.tokens, by: passing) {
        engine.product(
          panels + first * job.tokens + token * count, tokens: min(passing, job.tokens - token), buffer,
          rows: rows.count, columns: count, addingTo: first > 0 ? sums + token * stride : nil, stride: stride,
          into: target + token * targetStride, stride: targetStride)
      }
    }
  }

  private func each(_ count: Int, serial: Bool, _ body: @Sendable (_ item: Int, _ thread: Int) -> Void) {
    if serial {
      for item in 0..<count { body(item, 0) }
    } else {
      pool.run(count: count, body)
    }
  }
}

/// One product of at most a chunk of tokens.
private struct ProductJob: @unchecked Sendable {  // items write disjoint parts of y and of the panels
  let engine: EngineKernels
  /// Decodes and packs at once, where the format has a kernel for it.
  let unpacking: FormatKernels.Unpack?
  let w: WeightMatrix
  let x: UnsafePointer<Float>
  let y: UnsafeMutablePointer<Float>
  let tokens: Int

  /// A rough count of processor cycles: unpacking each weight, and sixteen multiply-adds a cycle.
  var cycles: Int { w.rows * w.columns / 16 * (8 + tokens) }

  /// The same on the digits road: reading 32 weights, and multiplying them by each token.
  var digitCycles: Int { w.rows * w.columns / 32 * (3 + 2 * tokens) }

  var tokenPanels: Int { (tokens + engine.tokenBlock - 1) / engine.tokenBlock }

  /// Packs a panel of tokens, a block of columns at a time: blocks lie one after another, panels in each.
  func pack(panel: Int, block: Int, into panels: UnsafeMutablePointer<Float>) {
    let token = panel * engine.tokenBlock
    for first in Swift.stride(from: 0, to: w.columns, by: block) {
      let count = min(block, w.columns - first)
      engine.packTokens(
        x + token * w.columns + first, stride: w.columns, tokens: min(engine.tokenBlock, tokens - token),
        columns: count, into: panels + first * tokens + token * count)
    }
  }

  /// Decodes a tile of weights, a panel at a time.
  func unpack(
    rows: Range<Int>, first: Int, count: Int, into panels: UnsafeMutablePointer<Float>, _ layout: TileLayout
  ) {
    for start in Swift.stride(from: rows.lowerBound, to: rows.upperBound, by: engine.rowBlock) {
      let inPanel = min(engine.rowBlock, rows.upperBound - start)
      let panel = panels + (start - rows.lowerBound) * count
      let decoded = panels + layout.decoded
      if let unpacking {
        if w.order == nil {
          w.withStored(row: start, first: first, count: count) { stored in
            guard let stored = stored.baseAddress else { return }
            unpacking(stored, w.rowBytes, inPanel, count, panel)
          }
          continue
        }
        // Numbers no longer than a float fit where they would be decoded.
        if w.type.blockBytes <= MemoryLayout<Float>.stride {
          w.gather(rows: start..<start + inPanel, first: first, count: count, into: decoded)
          unpacking(decoded, count * w.type.blockBytes, inPanel, count, panel)
          continue
        }
      }
      // A format without a kernel: its own code decodes, the kernel only transposes.
      for row in 0..<inPanel {
        w.decode(
          row: start + row, first: first, count: count,
          into: UnsafeMutableBufferPointer(start: decoded + row * layout.decodedStride, count: count))
      }
      engine.packRows(decoded, stride: layout.decodedStride, rows: inPanel, columns: count, into: panel)
    }
  }
}

/// Where things lie in the buffer of one tile: panels of weights, decoded rows, sums.
private struct TileLayout: Sendable {
  /// Tokens whose sums are kept in the buffer; 0 when they go straight to the output.
  let tokens: Int
  let decoded: Int
  let decodedStride: Int
  let sums: Int
  let sumStride: Int
  /// Floats in all.
  let count: Int

  /// A cache line, which keeps neighbouring rows out of each other's cache sets.
  private static let padding = 16

  init(rows: Int, columns: Int, rowBlock: Int, tokens: Int) {
    self.tokens = tokens
    decoded = rows * columns
    decodedStride = columns + Self.padding
    sums = decoded + rowBlock * decodedStride
    sumStride = rows + Self.padding
    count = sums + tokens * sumStride
  }
}

/// Buffers kept between products, since fresh memory costs a page fault every thousand floats.
private final class ScratchStore: Sendable {
  private struct Buffer: @unchecked Sendable {  // whoever took it owns it
    let base: UnsafeMutablePointer<Float>
    let count: Int
  }

  private let free = Lock<[Buffer]>([])

  /// Lends a buffer of at least `count` floats for the length of a call.
  @inline(__always)
  func lend(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
    let buffer = take(count)
    body(buffer.base)
    free.withLock { $0.append(buffer) }
  }

  /// A kept buffer of at least `count` floats, or a new one in place of one that was too small.
  private func take(_ count: Int) -> Buffer {
    let kept = free.withLock { free -> Buffer? in
      guard let index = free.lastIndex(where: { $0.count >= count }) else { return free.popLast() }
      return free.remove(at: index)
    }
    if let kept, kept.count >= count { return kept }
    kept?.base.deallocate()
    let bytes = LargePages.allocate(byteCount: count * MemoryLayout<Float>.stride)
    return Buffer(base: bytes.bindMemory(to: Float.self, capacity: count), count: count)
  }

  deinit {
    free.withLock { free in for buffer in free { buffer.base.deallocate() } }
  }
}
