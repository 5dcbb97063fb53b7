import Architectures
import Engine
import Evaluation
import Quants
import Tensors
import TestSupport
import Testing

@Suite("Perplexity")
struct PerplexityTests {
  private func measure(context: Int, windows: Int?, threads: Int = 2, text: [UInt8]? = nil) throws -> Perplexity {
    try Perplexity.measure(
      OpenedModel(Fixtures.path("tiny-qwen3.5")), text: text ?? Fixtures.bytes("text/persuasion.txt"),
      context: context, windows: windows, threads: threads)
  }

  @Test("It is the reference's", arguments: [(256, 24), (512, 12)])
  func reference(context: Int, windows: Int) throws {
    let expected = try Fixtures.json("golden/tiny-qwen3.5/reference.json")[
      "perplexity.ctx\(context).windows\(windows)"]?.doubleValue
    let found = try measure(context: context, windows: windows)
    #expect(abs(found.perplexity / (try #require(expected)) - 1) < 1e-5)
    #expect(found.tokensScored == windows * (context / 2 - 1))
    #expect(found.windows == windows)
    // llama-perplexity reports 114.3345 +/- 6.89842 for the first.
    if context == 256 { #expect(abs(found.standardError / 6.89842 - 1) < 1e-3) }
  }

  @Test("Threads change no bit, and windows beyond the text are not asked for", arguments: [1, 2, 7])
  func threads(count: Int) throws {
    let one = try measure(context: 64, windows: 5, threads: 1)
    var many = try measure(context: 64, windows: 5, threads: count)
    many.seconds = one.seconds
    many.tokensPerSecond = one.tokensPerSecond
    #expect(one == many)
  }

  @Test("A text too short for one window, and contexts no model has, are refused")
  func limits() throws {
    #expect(throws: CheckpointError.self) { try measure(context: 512, windows: nil, text: Array("Too short.".utf8)) }
    #expect(throws: CheckpointError.self) { try measure(context: 2, windows: nil) }
    #expect(throws: CheckpointError.self) { try measure(context: 8192, windows: nil) }
  }

  @Test("A whole text is cut into all its windows")
  func wholeText() throws {
    let text = Array(try Fixtures.bytes("text/persuasion.txt").prefix(3000))
    let result = try measure(context: 128, windows: nil, text: text)
    #expect(result.windows >= 4)
    #expect(result.json["tokens_scored"]?.intValue == result.windows * 63)
    #expect(result.textSHA256.utf8.count == 64)
    #expect(try measure(context: 128, windows: 1000, text: text).perplexity == result.perplexity)
  }
}
