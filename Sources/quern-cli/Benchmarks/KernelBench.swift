import Base
import Quants

/// Measures the kernels against what bounds them: arithmetic against registers, streaming against copying.
package enum KernelBench {
  /// Runs the benchmarks whose name contains `filter`, each followed by its row.
  ///
  /// - Parameters:
  ///   - filter: part of a name, in any case; nil for all.
  ///   - levels: the levels to measure.
  ///   - threads: threads for products; codecs run on one.
  ///   - report: called with every row as it is measured.
  /// - Throws: `unsupported` when a format has no codec.
  package static func run(
    filter: String? = nil, levels: [Kernels] = [.best], threads: Int = Threads.available, report: (BenchRow) -> Void
  ) throws(CheckpointError) {
    let wants = wanting(filter)
    let alone = WorkerPool(threads: 1)
    let together = WorkerPool(threads: threads)
    for kernels in levels {
      let contexts = (threads > 1 ? [alone, together] : [alone]).map { BenchContext(kernels: kernels, pool: $0) }
      reportLimits(contexts, memory: ReadMemory.beyondCaches, wants, report)
      for context in contexts { try ProductBench(context: context).run(wants, report) }
      if CodecBench.names.contains(where: wants) {
        try CodecBench(context: BenchContext(kernels: kernels, pool: alone)).run(wants, report)
      }
    }
  }

  /// Whether a row's name contains `filter`, in any case; without one all do.
  static func wanting(_ filter: String?) -> (String) -> Bool {
    { name in filter.map { name.lowercased().contains($0.lowercased()) } ?? true }
  }

  /// What the machine can do at most: multiply-adds on registers, and reading so many bytes of memory.
  static func reportLimits(
    _ contexts: [BenchContext], memory byteCount: Int, _ wants: (String) -> Bool, _ report: (BenchRow) -> Void
  ) {
    if wants("fma peak") {
      for context in contexts { report(BenchRow("fma peak", context, context.peak(), "GFLOP/s")) }
    }
    guard wants("reading memory") else { return }
    let memory = ReadMemory(byteCount: byteCount)
    for context in contexts { report(BenchRow("reading memory", context, context.reading(memory), "GB/s")) }
  }
}
