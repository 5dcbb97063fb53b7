import Engine
import Evaluation
import Runtime
import TestSupport
import Testing

/// Windows go through the layers side by side and in longer pieces, within a bound of memory, and nobody can tell.
@Suite struct TokensTogetherTests {
  private func text(_ lengths: [Int], scored: Int = 20) -> TextWindows {
    let windows = lengths.enumerated().map { number, length in
      TokenWindow(
        tokens: (0..<length).map { Int32(($0 * 37 + number * 11) % 4000) },
        scored: Array(max(0, length - 1 - scored)..<length - 1))
    }
    return TextWindows(name: "windows", sha256: "", context: lengths.max() ?? 0, windows: windows)
  }

  @Test func `groups are windows of one length in their order, enough of them for all threads`() throws {
    let model = try OpenedModel(Fixtures.path("tiny-qwen3.5")).model
    let together = TokensTogether(context: 128, model: model, threads: 3)
    #expect(together.workers == 3)
    let lengths = [Int](repeating: 128, count: 7) + [100, 100, 128]
    let groups = together.groups(of: text(lengths), threads: 3)
    #expect(groups == [0..<3, 3..<6, 6..<7, 7..<9, 9..<10])
    #expect(together.groups(of: text(lengths), threads: 1).first == 0..<7)
    // What few tokens give may have been computed another way, so they stay alone.
    #expect(together.groups(of: text([128, 128], scored: 3), threads: 1) == [0..<1, 1..<2])
  }

  @Test(arguments: [4, 512, 4096, 16_384, 262_144], [1, 2, 16]) func `memory has a bound`(context: Int, threads: Int)
    throws
  {
    let model = try OpenedModel(Fixtures.path("tiny-qwen3.5")).model
    let together = TokensTogether(context: context, model: model, threads: threads)
    #expect((1...threads).contains(together.workers))
    #expect(together.piece >= Chunks.length && together.piece % 64 == 0)
    // Hidden states alone: the least that each worker holds.
    let held = together.workers * (context + together.piece) * model.hiddenSize * 4
    #expect(together.workers == 1 || held < TokensTogether.bytes)
  }

  @Test func `scores are those of each window alone`() throws {
    let opened = try OpenedModel(Fixtures.path("tiny-qwen3.5"))
    let bytes = Array(try Fixtures.bytes("text/persuasion.txt").prefix(6000))
    func perplexity(_ context: Int, _ threads: Int) throws -> Perplexity {
      try Perplexity.measure(opened, text: bytes, context: context, threads: threads)
    }
    for context in [8, 100, 128] {
      let side = try perplexity(context, 1)
      let alone = try perplexity(context, side.windows)
      #expect(side.windows > 4 && side.perplexity == alone.perplexity && side.standardError == alone.standardError)
    }
  }
}
