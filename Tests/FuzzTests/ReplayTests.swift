import FuzzTargets
import TestSupport
import Testing

/// The fuzz targets over their seeds and over every input that once made the program fail.
@Suite(.serialized) struct ReplayTests {
  @Test(arguments: FuzzTargets.all.map(\.name))
  func `Known inputs are understood or refused`(name: String) throws {
    let target = try #require(FuzzTargets.all.first { $0.name == name })
    let body = try target.prepare()
    let seeds = try target.seeds()
    #expect(!seeds.isEmpty)
    #expect(seeds.contains { $0.count <= target.longest })
    for input in try seeds + target.regressions() { try body(input) }
  }
}
