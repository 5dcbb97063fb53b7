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
    let wants: (String) -> Bool = { name in
      guard let filter else { return true }
      return name.lowercased().contains(filter.lowercased())
    }
    let alone = WorkerPool(threads: 1)
    let together = WorkerPool(threads: threads)
    for kernels in levels {
      for pool in threads > 1 ? [alone, together] : [alone] {
        let context = BenchContext(kernels: kernels, pool: pool)
        if wants("fma peak") { report(BenchRow("fma peak", context, context.peak(), "GFLOP/s")) }
        try ProductBench(context: context).run(wants, report)
      }
      if CodecBench.names.contains(where: wants) {
        try CodecBench(context: BenchContext(kernels: kernels, pool: alone)).run(wants, report)
      }
    }
  }
}
