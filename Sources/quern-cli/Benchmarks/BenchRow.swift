import Base
import Engine
import Quants

/// One measured speed.
package struct BenchRow: Sendable {
  /// What was measured, for example `product Q8_0 T=512 4096x1024`.
  package let name: String
  /// The kernel level.
  package let level: String
  /// Threads that worked.
  package let threads: Int
  /// The speed, the best of several rounds.
  package let value: Double
  /// `GFLOP/s` or `GB/s`.
  package let unit: String
  /// What bounds it, for example `fma peak`; nil for a bound itself.
  package let limit: String?
  /// The speed as a part of that bound.
  package let ratio: Double?

  init(_ name: String, _ context: BenchContext, _ value: Double, _ unit: String, of limit: (String, Double)? = nil) {
    self.name = name
    level = context.kernels.name
    threads = context.pool.threads
    self.value = value
    self.unit = unit
    self.limit = limit?.0
    ratio = limit.map { value / $0.1 }
  }
}
