import Quants
import Testing
import quern_cli

/// The benchmarks run and say what bounds them; their speeds are nobody's test.
struct KernelBenchTests {
  @Test func `a filter picks rows and every bounded row has a ratio`() throws {
    var rows: [BenchRow] = []
    try KernelBench.run(filter: "fma peak", levels: Kernels.available, threads: 2) { rows.append($0) }
    #expect(rows.count == 2 * Kernels.available.count)
    for row in rows {
      #expect(row.value > 0)
      #expect(row.name == "fma peak")
      #expect((row.limit == nil) == (row.ratio == nil))
    }
  }

  @Test func `every format that can be encoded has its rows`() throws {
    for type in [TensorType.q8_0, try #require(TensorType(name: "IQ2_XXS"))] {
      var names: [String] = []
      try KernelBench.run(filter: "code \(type)", threads: 1) { names.append($0.name) }
      #expect(names == ["encode \(type)", "decode \(type)"])
    }
  }
}
