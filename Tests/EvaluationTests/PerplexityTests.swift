import Base
import Engine
import Evaluation
import Foundation
import Runtime
import TestSupport
import Testing
import Tokenizers

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

  /// The tiny model's folder with another tokenizer_config.json.
  private func folder(_ configuration: OrderedObject) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
      try FileManager.default.createSymbolicLink(
        atPath: folder.file(name), withDestinationPath: Fixtures.path("tiny-qwen3.5/\(name)"))
    }
    try Data(OrderedJSON.object(configuration).serialized(pretty: false)).write(
      to: URL(filePath: folder.file("tokenizer_config.json")))
    return folder
  }

  @Test("Tokens of text are recognised in a corpus, control tokens are not, as llama-perplexity has it")
  func addedTokens() throws {
    let opened = try OpenedModel(Fixtures.path("tiny-qwen3.5"))
    let think = try #require(opened.tokenizer.id(of: "<think>"))
    let end = try #require(opened.tokenizer.id(of: "<|im_end|>"))
    let ids = try opened.tokenizer.encode("a<think>b<|im_end|>", addedTokens: .userDefined)
    #expect(ids.contains(think) && !ids.contains(end))
    #expect(try !opened.tokenizer.encode("a<think>b", addedTokens: .ignored).contains(think))
    // One word and one token again and again: 64 tokens are as many pairs as half of them.
    let text = Array(String(repeating: "a<think>", count: 32).utf8)
    #expect(try measure(context: 64, windows: nil, text: text).windows == 1)
  }

  @Test("A beginning-of-sequence token starts every window where the tokenizer adds one")
  func beginning() throws {
    let text = Array(try Fixtures.bytes("text/persuasion.txt").prefix(1500))
    func measure(_ folder: TemporaryFolder) throws -> Perplexity {
      try Perplexity.measure(OpenedModel(folder.path), text: text, context: 64, threads: 1)
    }
    let name = OrderedJSON.string("<|endoftext|>")
    let added = try measure(folder(["bos_token": name, "add_bos_token": .bool(true)]))
    let without = try measure(folder(["bos_token": name, "add_bos_token": .bool(false)]))
    #expect(added.perplexity != without.perplexity)
    // The same windows by hand.
    let opened = try OpenedModel(Fixtures.path("tiny-qwen3.5"))
    let bos = try #require(opened.tokenizer.id(of: "<|endoftext|>"))
    let tokens = [bos] + (try opened.tokenizer.encode(text, addedTokens: .userDefined))
    var sum = 0.0
    for window in 0..<tokens.count / 64 {
      var line = Array(tokens[window * 64..<(window + 1) * 64])
      line[0] = bos
      var state = opened.model.makeState(capacity: 64)
      let compute = Compute(threads: 1)
      let hidden = try opened.model.forward(line, state: &state, compute: compute)
      sum += try LogProbability.of(
        Array(line[33...]), predictedBy: hidden, rows: 32..<63, model: opened.model, compute: compute
      ).reduce(0, +)
    }
    #expect(abs(exp(-sum / Double(added.tokensScored)) / added.perplexity - 1) < 1e-12)
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
