import Foundation
import Base
import TestSupport
import Testing

/// `generate` through the binary.
@Suite struct GenerateTests {
  private let model = Fixtures.path("tiny-qwen3.5")

  @Test(arguments: [["--top-k", "5"], ["--top-p", "0.9"], ["--seed", "1"], ["--seed", "1", "--temperature", "0"]])
  func `options of drawing without drawing are refused`(options: [String]) throws {
    let run = try CommandLineRun(["generate", model, "--prompt", "Hi", "--tokens", "1"] + options)
    #expect(
      run.status == 64 && run.errors.contains(options[0]) && run.errors.contains("--temperature"), "\(run.errors)")
  }

  @Test func `the same seed draws the same text`() throws {
    let arguments = [
      "generate", model, "--prompt", "Hi", "--tokens", "8", "--temperature", "1", "--top-k", "50", "--top-p", "0.9",
      "--seed", "3", "--json",
    ]
    let (first, second) = try (CommandLineRun(arguments).json(), CommandLineRun(arguments).json())
    #expect(first["tokens"] != nil && first["tokens"] == second["tokens"])
  }

  @Test func `greedy answers say what came of guesses, others that there were none`() throws {
    func answer(_ model: String, _ more: [String] = []) throws -> OrderedJSON {
      try CommandLineRun(["generate", model, "--prompt", "Hi", "--tokens", "12", "--json"] + more).json()
    }
    let greedy = try answer(model)
    let (drafted, accepted) = (greedy["draft"]?["drafted"]?.intValue, greedy["draft"]?["accepted"]?.intValue)
    let rate = try #require(greedy["draft"]?["acceptance_rate"]?.doubleValue)
    #expect(rate == Double(try #require(accepted)) / Double(try #require(drafted)))
    #expect(try answer(model, ["--temperature", "1"])["draft"]?.isNull == true)

    let folder = try TemporaryFolder()
    let file = folder.file("without.gguf")
    let run = try CommandLineRun(["convert", model, "--no-mtp", "--to", "gguf", "--output", file, "--quiet"])
    try #require(run.status == 0, "\(run.errors)")
    let without = try answer(file)
    #expect(without["draft"]?.isNull == true && without["tokens"] == greedy["tokens"])
  }

  /// Whichever thread notices: with eight it is seldom the first one.
  @Test(arguments: [1, 2, 8])
  func `a model that shrinks while it runs is an error in a sentence`(threads: Int) throws {
    let folder = try TemporaryFolder()
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "model.safetensors"] {
      try FileManager.default.copyItem(atPath: model + "/" + name, toPath: folder.file(name))
    }
    // The first text shows that the weights are in use; then they are cut off.
    let run = try CommandLineRun(
      shell: """
        $QUERN generate . --prompt 'Once upon a time' --raw --tokens 30000 --threads \(threads) \
          --quiet > text & pid=$!
        while kill -0 $pid 2>/dev/null && ! test -s text; do sleep 0.05; done
        : > model.safetensors
        wait $pid
        """, in: folder.path)
    #expect(run.status == 74, "\(run.errors)")
    #expect(run.errors == "quern: error: a file became shorter or unreadable while it was in use\n")
  }
}
