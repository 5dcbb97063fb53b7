import Quants
import Testing
import quern_cli

/// The benchmarks run and say what bounds them; their speeds are nobody's test.
struct KernelBenchTests {
  @Test func `a filter picks rows and every bounded row has a ratio`() throws {
    let rows = try KernelBench.rows(filter: "fma peak", levels: Kernels.available, threads: 2)
    #expect(rows.count == 2 * Kernels.available.count)
    for row in rows {
      #expect(row.value > 0)
      #expect(row.name == "fma peak")
      #expect((row.limit == nil) == (row.ratio == nil))
    }
  }
}
